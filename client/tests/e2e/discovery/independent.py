"""Another implementation of multicast DNS than ours, for the tests: announces a room, or looks for
rooms, until standard input ends."""

import socket
import sys

from zeroconf import ServiceBrowser, ServiceInfo, Zeroconf

SERVICE = "_chatshelf._tcp.local."


class Listener:
    """Prints a line for each room: name, port, then the attributes."""

    def add_service(self, zeroconf, kind, name):
        info = zeroconf.get_service_info(kind, name)
        if info:
            found = sorted(info.decoded_properties.items())
            attributes = " ".join(f"{key}={value}" for key, value in found)
            print(f"found {name.removesuffix('.' + kind)}: {info.port} {attributes}", flush=True)

    def remove_service(self, _zeroconf, kind, name):
        print(f"gone {name.removesuffix('.' + kind)}", flush=True)

    def update_service(self, *_):
        pass


def main():
    zeroconf = Zeroconf()
    if sys.argv[1] == "browse":
        ServiceBrowser(zeroconf, SERVICE, Listener())
    else:
        name, port = sys.argv[2], int(sys.argv[3])
        info = ServiceInfo(
            SERVICE,
            f"{name}.{SERVICE}",
            port,
            addresses=[socket.inet_aton("198.51.100.7")],
            properties={"txtvers": "1", "v": "1", "fp": "SHA256:AbCdEfGhIjKl"},
            server="independent.local.",
        )
        zeroconf.register_service(info)
        print("announced", flush=True)
    sys.stdin.read()
    zeroconf.unregister_all_services()
    zeroconf.close()


main()
