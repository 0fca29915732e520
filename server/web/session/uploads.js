// Uploads as state machines (docs/PROTOCOL.md, "Uploading"), and the queue of those beyond the
// server's limit. Asks for file content by `requests`; never touches a file. An upload outlives its
// connection: it is offered again, under another number and the same key, on the next.

import { DATA_BYTES_MAX, Violation, encode, encodeData } from '../protocol.js';

const BLOCK_BYTES = 256 * 1024;
const BLOCKS_IN_FLIGHT_MAX = 2;
const isSame = (a, b) => a.length === b.length && a.every((byte, at) => byte === b[at]);

/** Everything that is sent to the shelf, or waits to be. */
export class Uploads {
  /** By handle, in the order in which they were asked for. */
  all = new Map();
  /** What the file reader is to do: `begin`, `read` and `end`. */
  requests = [];
  #send; #tell; #newKey; #lastId = 0; #lastServed = 0;
  // Numbers on the wire: the last, the last of earlier connections, and what those since mean.
  #lastNumber = 0; #lastNumberBefore = 0; #numbers = new Map(); #offersFrom = 0;

  constructor(send, tell, newKey) { [this.#send, this.#tell, this.#newKey] = [send, tell, newKey]; }

  /** Queues a file of `size` bytes; with the `key` of an earlier attempt it may be resumed. */
  add(name, size, modified, key) {
    const isInUse = key && [...this.all.values()].some((upload) => isSame(upload.key, key));
    const known = isInUse ? null : key;
    const id = ++this.#lastId;
    const upload = { id, name, size, modified, key: known ?? this.#newKey(), isKeyUsed: !!known };
    Object.assign(upload, { state: 'queued', number: 0, run: 0, sent: 0 });
    this.#rewind(upload, 0);
    this.all.set(id, upload);
    return upload;
  }

  #rewind(upload, offset) {
    Object.assign(upload, { asked: offset, blocks: [], inFlight: 0, digest: null });
  }

  /** Offers what waits, while fewer than `max` run. */
  start(max, now) {
    for (const upload of this.all.values()) {
      if (this.#numbers.size >= max || now < this.#offersFrom) return;
      if (isWaiting(upload)) this.#offer(upload);
    }
  }

  #offer(upload) {
    upload.number = ++this.#lastNumber;
    upload.state = 'offered';
    this.#numbers.set(upload.number, upload);
    const { number: transfer, name, size, modified, key: uploadKey } = upload;
    this.#send(encode('UploadOffer', { transfer, name, size, modified, uploadKey }));
  }

  // The upload that a frame is about; none if it is over, and a violation if it never was.
  #find(number) {
    if (number <= this.#lastNumberBefore || number > this.#lastNumber) {
      throw new Violation('a transfer that was never asked for');
    }
    return this.#numbers.get(number);
  }

  /** The server takes the bytes from `offset` on. */
  ready({ transfer, offset, digest }) {
    const upload = this.#find(transfer);
    if (!upload) return;
    const isFit = offset <= BigInt(upload.size) && (!offset || (digest && upload.isKeyUsed));
    if (upload.state !== 'offered' || !isFit) throw new Violation('an upload out of step');
    upload.state = 'comparing';
    upload.isKeyUsed = true;
    this.#rewind(upload, Number(offset));
    const begin = { kind: 'begin', id: upload.id, run: ++upload.run, offset: upload.asked };
    this.requests.push({ ...begin, digest: offset ? digest : undefined });
  }

  stored({ transfer, item }) {
    const upload = this.#find(transfer);
    if (!upload) return;
    const isKnown = upload.state === 'offered' && upload.isKeyUsed;
    if (upload.state !== 'done' && !isKnown) throw new Violation('an upload is stored unsent');
    this.#end(upload, { kind: 'stored', item });
  }

  refused(refused, now) {
    const upload = this.#find(refused.transfer);
    if (!upload) return;
    const isForNow = refused.retryMs !== undefined && upload.state === 'offered';
    if (!isForNow) return this.#end(upload, { kind: 'refused', refused });
    this.#numbers.delete(upload.number);
    upload.state = 'waiting';
    this.#offersFrom = Math.max(this.#offersFrom, now + refused.retryMs);
  }

  /** The file reader's answers. Answers from before the upload changed course are outdated. */
  reply({ kind, id, run, bytes, digest, why }) {
    const upload = this.all.get(id);
    if (!upload || run !== upload.run) return;
    if (kind === 'failed') this.#cancel(upload, { kind: 'failed', why });
    else if (kind === 'differs') this.#startOver(upload);
    else if (kind === 'begun' && upload.state === 'comparing') this.#begin(upload, digest);
    else if (kind === 'block' && upload.state === 'sending') {
      upload.digest = digest ?? null;
      upload.blocks.push(bytes);
    }
  }

  /** The file reader is gone, and with it all that it was asked for. */
  readerFailed() {
    const isAsked = ({ state }) => state === 'comparing' || state === 'sending';
    const asked = [...this.all.values()].filter(isAsked);
    asked.forEach((upload) => this.#cancel(upload, { kind: 'failed', why: 'reader' }));
  }

  #begin(upload, digest) {
    const before = upload.sent;
    Object.assign(upload, { state: 'sending', sent: upload.asked, digest: digest ?? null });
    if (upload.asked) this.#tell({ kind: 'upload', what: 'resumed', upload });
    else if (before) this.#tell({ kind: 'upload', what: 'restarted', upload });
    this.#askForBlocks(upload);
    this.#finish(upload);
  }

  // What the server has is the beginning of another file: it must forget that.
  #startOver(upload) {
    this.#send(encode('Cancel', { transfer: upload.number }));
    this.#numbers.delete(upload.number);
    Object.assign(upload, { key: this.#newKey(), isKeyUsed: false, sent: 0 });
    this.#tell({ kind: 'upload', what: 'restarted', upload });
    this.#offer(upload);
  }

  #askForBlocks(upload) {
    while (upload.asked < upload.size && upload.inFlight < BLOCKS_IN_FLIGHT_MAX) {
      const length = Math.min(BLOCK_BYTES, upload.size - upload.asked);
      this.requests.push({ kind: 'read', id: upload.id, run: upload.run, length });
      upload.asked += length;
      upload.inFlight += 1;
    }
  }

  /** The next frame of file data, of the uploads in turn; `null` if none is at hand. */
  nextData(bytesMax) {
    const ready = [...this.#numbers.values()].filter((upload) => upload.blocks.length);
    const upload = ready.find(({ id }) => id > this.#lastServed) ?? ready[0];
    if (!upload) return null;
    this.#lastServed = upload.id;
    const [block] = upload.blocks;
    const part = block.subarray(0, Math.max(1, Math.min(bytesMax, DATA_BYTES_MAX)));
    const frame = encodeData(upload.number, upload.sent, part);
    upload.sent += part.length;
    if (part.length < block.length) {
      upload.blocks[0] = block.subarray(part.length);
    } else {
      upload.blocks.shift();
      upload.inFlight -= 1;
      this.#askForBlocks(upload);
      this.#finish(upload);
    }
    return frame;
  }

  // Behind the last data frame, which is on its way when this is sent.
  #finish(upload) {
    if (upload.sent < upload.size || !upload.digest) return;
    upload.state = 'done';
    this.#send(encode('UploadDone', { transfer: upload.number, digest: upload.digest }));
  }

  /** Ends an upload at our user's request, unless it is being stored. */
  cancel(id) {
    const upload = this.all.get(id);
    if (upload && upload.state !== 'done') this.#cancel(upload, { kind: 'cancelled' });
  }

  #cancel(upload, outcome) {
    const { number: transfer } = upload;
    if (this.#numbers.has(transfer)) this.#send(encode('Cancel', { transfer }));
    this.#end(upload, outcome);
  }

  #end(upload, outcome) {
    this.#numbers.delete(upload.number);
    this.all.delete(upload.id);
    this.requests.push({ kind: 'end', id: upload.id });
    this.#tell({ kind: 'upload', what: 'ended', upload, outcome });
  }

  /** The connection is gone: what ran waits for the next, and what was asked is void. */
  lost() {
    for (const upload of this.#numbers.values()) {
      upload.state = 'waiting';
      upload.run += 1;
      this.#rewind(upload, 0);
    }
    this.#numbers.clear();
    this.#lastNumberBefore = this.#lastNumber;
  }

  /** The session is over. */
  abandon() { for (const upload of this.all.values()) this.#end(upload, { kind: 'interrupted' }); }
}

const isWaiting = (upload) => upload.state === 'queued' || upload.state === 'waiting';
