// Uploads (docs/PROTOCOL.md, "Uploading"), and those that wait for a place. Never touches a file.
// An upload outlives its connection: the next offers it by another number and the same key.

import { DATA_BYTES_MAX, Violation, encodeData } from '../protocol.js';

// As it is read; two blocks may be at hand or on their way.
const BLOCK_BYTES = 256 * 1024;
const isWaiting = ({ state }) => state === 'queued' || state === 'waiting';

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
    const isInUse = [...this.all.values()].some((upload) => String(upload.key) === String(key));
    const known = isInUse ? null : key;
    const upload = { id: ++this.#lastId, name, size, modified, number: 0, run: 0, sent: 0 };
    this.#turn(upload, 'queued', { key: known ?? this.#newKey(), isKeyUsed: !!known });
    this.all.set(upload.id, upload);
    return upload;
  }

  #turn(upload, state, { asked = 0, ...others } = {}) {
    Object.assign(upload, { state, asked, blocks: [], digest: undefined, ...others });
  }

  start(max, now) {
    if (now < this.#offersFrom) return;
    const waiting = [...this.all.values()].filter(isWaiting);
    const free = Math.max(0, max - this.#numbers.size);
    waiting.slice(0, free).forEach((upload) => this.#offer(upload));
  }

  #offer(upload) {
    Object.assign(upload, { number: ++this.#lastNumber, state: 'offered' });
    this.#numbers.set(upload.number, upload);
    const { number: transfer, name, size, modified, key: uploadKey } = upload;
    this.#send('UploadOffer', { transfer, name, size, modified, uploadKey });
  }

  // The upload that a frame is about; none if it is over, and a violation if it never was.
  #find(number) {
    const isKnown = number > this.#lastNumberBefore && number <= this.#lastNumber;
    if (!isKnown) throw new Violation('a transfer that was never asked for');
    return this.#numbers.get(number);
  }

  ready({ transfer, offset, digest }) {
    const upload = this.#find(transfer);
    if (!upload) return;
    const isFit = offset <= BigInt(upload.size) && (!offset || (digest && upload.isKeyUsed));
    if (upload.state !== 'offered' || !isFit) throw new Violation('an upload out of step');
    this.#turn(upload, 'comparing', { asked: Number(offset), isKeyUsed: true });
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
      upload.digest = digest;
      upload.blocks.push(bytes);
    }
  }

  /** The file reader is gone, and with it all that it was asked for. */
  readerFailed() {
    const isAsked = ({ state }) => state === 'comparing' || state === 'sending';
    const asked = [...this.all.values()].filter(isAsked);
    asked.forEach((upload) => this.#cancel(upload, { kind: 'failed', why: 'reader' }));
  }

  #tellOf(upload, what, outcome) { this.#tell({ kind: 'upload', what, upload, outcome }); }
  #begin(upload, digest) {
    const what = upload.asked ? 'resumed' : upload.sent && 'restarted';
    Object.assign(upload, { state: 'sending', sent: upload.asked, digest });
    if (what) this.#tellOf(upload, what);
    this.#proceed(upload);
  }

  // What the server has is the beginning of another file: it must forget that.
  #startOver(upload) {
    this.#send('Cancel', { transfer: upload.number });
    this.#numbers.delete(upload.number);
    Object.assign(upload, { key: this.#newKey(), isKeyUsed: false, sent: 0 });
    this.#tellOf(upload, 'restarted');
    this.#offer(upload);
  }

  #proceed(upload) {
    while (upload.asked < upload.size && upload.asked - upload.sent <= BLOCK_BYTES) {
      const length = Math.min(BLOCK_BYTES, upload.size - upload.asked);
      this.requests.push({ kind: 'read', id: upload.id, run: upload.run, length });
      upload.asked += length;
    }
    if (upload.sent < upload.size || !upload.digest) return;
    // Behind the last data frame, which is on its way when this is sent.
    upload.state = 'done';
    this.#send('UploadDone', { transfer: upload.number, digest: upload.digest });
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
    if (part.length < block.length) upload.blocks[0] = block.subarray(part.length);
    else upload.blocks.shift();
    this.#proceed(upload);
    return frame;
  }

  cancel(id) {
    const upload = this.all.get(id);
    if (upload && upload.state !== 'done') this.#cancel(upload, { kind: 'cancelled' });
  }

  #cancel(upload, outcome) {
    const { number: transfer } = upload;
    if (this.#numbers.has(transfer)) this.#send('Cancel', { transfer });
    this.#end(upload, outcome);
  }

  #end(upload, outcome) {
    this.#numbers.delete(upload.number);
    this.all.delete(upload.id);
    this.requests.push({ kind: 'end', id: upload.id });
    this.#tellOf(upload, 'ended', outcome);
  }

  /** The connection is gone: what ran waits for the next, and what was asked is void. */
  lost() {
    this.#numbers.forEach((upload) => this.#turn(upload, 'waiting', { run: upload.run + 1 }));
    this.#numbers.clear();
    this.#lastNumberBefore = this.#lastNumber;
  }

  abandon() { for (const upload of this.all.values()) this.#end(upload, { kind: 'interrupted' }); }
}
