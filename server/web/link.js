// What the session does not touch: the WebSocket, the clock, and the worker that reads files.

const UNSENT_BYTES_MAX = 1024 * 1024;
const UNSENT_BYTES_MIN = 32 * 1024;
const CONTROL_UNSENT_BYTES_MAX = 4 * UNSENT_BYTES_MAX;
const WAIT_MS = 10;
const SLOW_MS = 100;

export class Link {
  #session; #address; #onChange; #socket = null; #timer; #worker = null; #isWaiting = false;
  // Those that the reader has, or will have when there is one again.
  #files = new Map();
  // A line shall never wait for long: how much may be unsent, and since when that much is.
  #window = UNSENT_BYTES_MIN; #fullSince = 0;
  constructor(session, address, onChange) {
    [this.#session, this.#address, this.#onChange] = [session, address, onChange];
    // Now the server is there; when the first file is chosen, it may not be.
    this.#reader();
  }

  /** Does what is due; to be called after each command of our user. */
  run() {
    clearTimeout(this.#timer);
    const session = this.#session;
    const now = performance.now();
    session.tick(now);
    if (this.#socket && (session.retryAt !== null || session.isOver)) this.#close();
    if (session.wantsConnection(now)) this.#connect();
    this.#write();
    for (const request of session.uploads.requests.splice(0)) {
      const isEnd = request.kind === 'end';
      if (isEnd) this.#files.delete(request.id);
      (isEnd ? this.#worker : this.#reader())?.postMessage(request);
    }
    const wait = Math.max(4, session.deadline() - performance.now());
    if (session.isOver) this.#worker?.terminate();
    else if (wait < Infinity) this.#timer = setTimeout(() => this.run(), wait);
    // Behind the timer, which goes on whatever is made of the change.
    this.#onChange();
  }

  #connect() {
    this.#session.connecting();
    const socket = (this.#socket = new WebSocket(this.#address));
    socket.binaryType = 'arraybuffer';
    const ours = (step) => (event) => {
      if (socket !== this.#socket) return;
      step(event);
      this.run();
    };
    socket.onopen = ours(() => this.#session.connected(performance.now()));
    socket.onmessage = ours(({ data }) => {
      // Our protocol has no text messages: the connection is useless.
      if (typeof data === 'string') this.#close();
      else this.#session.receive(new Uint8Array(data), performance.now());
    });
    socket.onclose = ours(() => this.#close());
  }

  #close() {
    this.#socket.close();
    this.#socket = null;
    this.#session.lost(performance.now());
  }

  #write() {
    const socket = this.#socket;
    while (socket?.readyState === WebSocket.OPEN) {
      const unsent = socket.bufferedAmount;
      if (unsent > CONTROL_UNSENT_BYTES_MAX) return;
      const bytes = this.#session.takeOutput(this.#adapt(unsent), performance.now());
      if (!bytes) break;
      socket.send(bytes);
    }
    if (!socket || !this.#worker || this.#isWaiting || !this.#session.uploads.all.size) return;
    this.#isWaiting = true;
    this.#worker.postMessage({ kind: 'wait', ms: WAIT_MS });
  }

  // How many bytes of a file may be sent now: the window follows the rate of the connection.
  #adapt(unsent) {
    const isDrained = unsent === 0 && this.#session.uploads.all.size > 0;
    if (isDrained) this.#window = Math.min(UNSENT_BYTES_MAX, this.#window * 2);
    const now = performance.now();
    if (unsent < this.#window) this.#fullSince = now;
    if (now - this.#fullSince > SLOW_MS) {
      this.#window = Math.max(UNSENT_BYTES_MIN, this.#window / 2);
      this.#fullSince = now;
    }
    return unsent < this.#window ? this.#window / 2 : 0;
  }

  open(id, file) {
    this.#files.set(id, file);
    this.#worker?.postMessage({ kind: 'file', id, file });
  }

  #reader() {
    if (this.#worker) return this.#worker;
    const worker = (this.#worker = new Worker(new URL('hasher.js', import.meta.url)));
    worker.onmessage = ({ data }) => {
      if (data.kind === 'broken') return this.#break(worker);
      if (data.kind === 'waited') this.#isWaiting = false;
      else this.#session.uploads.reply(data);
      this.run();
    };
    worker.onerror = () => this.#break(worker);
    this.#files.forEach((file, id) => worker.postMessage({ kind: 'file', id, file }));
    return worker;
  }

  // It could not be loaded, or has failed: the next request gets another one.
  #break(worker) {
    worker.terminate();
    if (worker !== this.#worker) return;
    [this.#worker, this.#isWaiting] = [null, false];
    this.#session.uploads.readerFailed();
    this.run();
  }
}
