# SPDX-License-Identifier: ISC
# Not built here: its syntax is checked, nothing else. To be called as
# `nix build ./tools/packaging/nix`, from the repository.
{
  description = "VPN over one TCP connection, with a kill switch";

  inputs.nixpkgs.url = "nixpkgs/nixos-24.11";

  outputs = { self, nixpkgs }:
    let
      systems = [ "x86_64-linux" "aarch64-linux" ];
      source = ../../..;
      words = builtins.match ".*project\\(vpnd VERSION ([0-9.]+) .*"
        (builtins.readFile (source + "/CMakeLists.txt"));
      build = pkgs: pkgs.stdenv.mkDerivation {
        pname = "vpnd";
        version = builtins.head words;
        src = source;
        nativeBuildInputs = with pkgs; [ cmake ninja pkg-config scdoc ];
        buildInputs = with pkgs; [
          cli11
          fmt
          libmnl
          libnftnl
          libseccomp
          libsodium
          liburing
          nlohmann_json
          tomlplusplus
        ];
        checkInputs = [ pkgs.criterion pkgs.python3 ];
        doCheck = true;
        cmakeFlags = [ "-DCCACHE=" "-DVPND_REPRODUCIBLE=ON" "-DVPND_WERROR=OFF" "-DVPND_TESTS=unit" ];
        meta = {
          description = "VPN over one TCP connection, with a kill switch";
          license = pkgs.lib.licenses.isc;
          platforms = systems;
          mainProgram = "vpnd";
        };
      };
    in {
      packages = nixpkgs.lib.genAttrs systems
        (system: { default = build nixpkgs.legacyPackages.${system}; });
    };
}
