#!/bin/sh
# Makes a Debian package of a program that was built:
#   CGO_ENABLED=0 go build -trimpath -o cairn . && doc/packaging/deb.sh cairn 0.1.0 amd64 OUT
# The package has the program, a unit and the user cairn. Its installation starts nothing; a node that runs is restarted
# with the new program.
set -eu

if [ $# -ne 4 ]; then
	echo "usage: $0 PROGRAM VERSION ARCHITECTURE FOLDER" >&2
	exit 2
fi
program=$1 version=$2 arch=$3 out=$4
here=$(cd "$(dirname "$0")" && pwd)
command -v dpkg-deb >/dev/null || { echo "making the package: there is no dpkg-deb; apt-get install dpkg" >&2; exit 1; }

tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
chmod 0755 "$tree"
umask 022
mkdir -p "$tree/DEBIAN" "$tree/usr/bin" "$tree/usr/lib/systemd/system" "$tree/usr/lib/sysusers.d" "$tree/usr/lib/tmpfiles.d" "$tree/usr/share/doc/cairn"
install -m 0755 "$program" "$tree/usr/bin/cairn"
install -m 0644 "$here/../../LICENSE" "$tree/usr/share/doc/cairn/copyright"

# The unit is the one that "cairn service show" prints, for the directory and user of the package.
sed -e 's|{{\.Program}}|/usr/bin/cairn|g' -e 's|{{\.Dir}}|/var/lib/cairn|g' -e 's|{{\.User}}|cairn|g' \
	-e 's|{{if \.AtHome}}.*{{else}}\(.*\){{end}}|\1|' -e 's|{{range [^}]*}}.*{{end}}||' "$here/../../node/cli/cairn.service.tmpl" >"$tree/usr/lib/systemd/system/cairn.service"
if grep -q '{{' "$tree/usr/lib/systemd/system/cairn.service"; then
	echo "making the package: the unit has a place that was not filled in" >&2
	exit 1
fi

echo 'u cairn - "Cairn mail node" /var/lib/cairn' >"$tree/usr/lib/sysusers.d/cairn.conf"
echo 'd /var/lib/cairn 0700 cairn cairn -' >"$tree/usr/lib/tmpfiles.d/cairn.conf"

cat >"$tree/DEBIAN/control" <<END
Package: cairn
Version: $version
Architecture: $arch
Maintainer: The Cairn project <cairn@example.org>
Section: mail
Priority: optional
Depends: systemd, init-system-helpers
Recommends: ca-certificates
Description: peer-to-peer mail node whose mail is recorded
 A mail node that carries mail between organisations and to the rest of the
 world, and records each message part by part on a chain that the
 organisations keep together.
END

cat >"$tree/DEBIAN/postinst" <<'END'
#!/bin/sh
set -e
if [ "$1" = configure ]; then
	systemd-sysusers cairn.conf
	systemd-tmpfiles --create cairn.conf
	if [ -d /run/systemd/system ]; then
		systemctl daemon-reload
		if [ -n "$2" ]; then # an upgrade: else the former program would run on
			deb-systemd-invoke try-restart cairn.service >/dev/null || true
		fi
	fi
fi
END
# A removal ends the node; its directory, with all mail, stays.
cat >"$tree/DEBIAN/prerm" <<'END'
#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
	systemctl disable --now cairn.service || true
fi
END
cat >"$tree/DEBIAN/postrm" <<'END'
#!/bin/sh
set -e
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || true
fi
END
chmod 0755 "$tree/DEBIAN/postinst" "$tree/DEBIAN/prerm" "$tree/DEBIAN/postrm"
mkdir -p "$out"
dpkg-deb --root-owner-group --build "$tree" "$out/cairn_${version}_$arch.deb"
