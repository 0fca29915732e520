"""Sends each line that a client says to all clients; README.md has the rules."""

import asyncio
import socket
import sys

LINE_BYTES_MAX = 64 * 1024
UNSENT_BYTES_MAX = 1024 * 1024

clients = set()


class Client(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
        self.unfinished = b""
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        clients.add(self)

    def connection_lost(self, why):
        clients.discard(self)

    def data_received(self, data):
        data = self.unfinished + data
        whole = data.rfind(b"\n") + 1
        lines, self.unfinished = data[:whole], data[whole:]
        if any(len(line) >= LINE_BYTES_MAX for line in data.split(b"\n")):
            self.transport.abort()
        elif lines:
            for client in list(clients):
                client.say(lines)

    def say(self, lines):
        self.transport.write(lines)
        if self.transport.get_write_buffer_size() > UNSENT_BYTES_MAX:
            self.transport.abort()


async def main(port):
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Client, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 9000))
