// Sends each line that a client says to all clients; README.md has the rules.

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.ArrayDeque;
import java.util.LinkedHashSet;
import java.util.Set;

public final class Echo {
    private static final int LINE_BYTES_MAX = 64 * 1024;
    private static final int UNSENT_BYTES_MAX = 1024 * 1024;

    private final Selector selector;
    private final ServerSocketChannel listener;
    private final Set<Client> clients = new LinkedHashSet<>();
    private final ByteBuffer buffer = ByteBuffer.allocateDirect(LINE_BYTES_MAX);

    private static final class Client {
        final SocketChannel channel;
        final SelectionKey key;
        final ArrayDeque<ByteBuffer> unsent = new ArrayDeque<>();
        int unsentBytes;
        /** The beginning of a line. */
        byte[] unfinished = {};
        boolean isBroken;

        Client(SocketChannel channel, Selector selector) throws IOException {
            this.channel = channel;
            channel.configureBlocking(false);
            channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
            key = channel.register(selector, SelectionKey.OP_READ, this);
        }

        void say(ByteBuffer lines) {
            unsent.add(lines);
            unsentBytes += lines.remaining();
            if (unsent.size() == 1) {
                flush();
            }
            isBroken |= unsentBytes > UNSENT_BYTES_MAX;
        }

        void flush() {
            try {
                while (!unsent.isEmpty() && !isBroken) {
                    unsentBytes -= channel.write(unsent.peek());
                    if (unsent.peek().hasRemaining()) {
                        break;
                    }
                    unsent.remove();
                }
                int write = unsent.isEmpty() ? 0 : SelectionKey.OP_WRITE;
                key.interestOps(SelectionKey.OP_READ | write);
            } catch (IOException why) {
                isBroken = true;
            }
        }
    }

    private Echo(int port) throws IOException {
        selector = Selector.open();
        listener = ServerSocketChannel.open();
        listener.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 1024);
        listener.configureBlocking(false);
        listener.register(selector, SelectionKey.OP_ACCEPT);
    }

    /** Reads what a client says, up to the end of its last whole line, and tells everyone. */
    private void hear(Client client) {
        buffer.clear().put(client.unfinished);
        try {
            client.isBroken = client.channel.read(buffer) < 0;
        } catch (IOException why) {
            client.isBroken = true;
        }
        buffer.flip();
        int whole = buffer.limit();
        while (whole > 0 && buffer.get(whole - 1) != '\n') {
            whole--;
        }
        client.isBroken |= whole == 0 && buffer.limit() == buffer.capacity();
        if (client.isBroken) {
            return;
        }
        byte[] lines = new byte[whole];
        client.unfinished = new byte[buffer.limit() - whole];
        buffer.get(lines).get(client.unfinished);
        if (whole > 0) {
            clients.forEach(other -> other.say(ByteBuffer.wrap(lines)));
        }
    }

    private void accept() throws IOException {
        SocketChannel channel;
        while ((channel = listener.accept()) != null) {
            clients.add(new Client(channel, selector));
        }
    }

    private void run() throws IOException {
        while (true) {
            selector.select();
            for (SelectionKey key : selector.selectedKeys()) {
                if (key.isAcceptable()) {
                    accept();
                    continue;
                }
                Client client = (Client) key.attachment();
                if (key.isWritable()) {
                    client.flush();
                }
                if (key.isReadable() && !client.isBroken) {
                    hear(client);
                }
            }
            selector.selectedKeys().clear();
            for (Client client : clients) {
                if (client.isBroken) {
                    client.channel.close();
                }
            }
            clients.removeIf(client -> client.isBroken);
        }
    }

    public static void main(String[] arguments) throws IOException {
        new Echo(arguments.length > 0 ? Integer.parseInt(arguments[0]) : 9000).run();
    }
}
