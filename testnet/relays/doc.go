// Package relays runs mail programs that stand between two Cairn nodes in the
// world, for tests: Postfix and Exim as relays, mlmmj as a mailing list, alterMIME
// as a gateway that puts a banner under mail. They run as Debian ships them, from
// directories of their own, and touch nothing that the system's mail uses.
//
// Debian's packages are postfix, mlmmj and altermime; exim4-daemon-light is
// unpacked beside Postfix, in the folder "exim" of CAIRN_TOOLS. Tests begin with Need: where
// one is not there they are skipped, unless CI=true says that everything was
// installed on purpose: then they fail. Postfix starts only for root.
package relays
