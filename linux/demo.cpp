// SPDX-License-Identifier: ISC
#include <cstdio>
#include <optional>

#include "core/host.h"
#include "crypto/random.h"
#include "linux/demo_about.h"
#include "linux/demo_course.h"
#include "linux/demo_file.h"
#include "linux/demo_page.h"

namespace vpnd::host {

Exit demo(const DemoOptions& options) {
  crypto::init();
  // Before the course leaves the machine's namespaces.
  std::optional<vpnd::demo::PageFile> file;
  if (!options.report.empty()) file.emplace(options.report);
  auto about = vpnd::demo::about_this_run();
  vpnd::demo::Story story = vpnd::demo::Course(options).run();
  story.about = std::move(about);
  if (file) {
    file->write(vpnd::demo::page(story));
    std::puts((" the page is in " + options.report).c_str());
  }
  return story.held ? Exit::ok : Exit::failure;
}

}  // namespace vpnd::host
