// The file reader, in a worker of its own: reads the files that are uploaded and computes their
// BLAKE3 digests. Answers the requests of session/uploads.js, in their order.

const BUFFER_BYTES = 16 * 1024;
const READ_BYTES = 1024 * 1024;
const DIGEST_BYTES = 32;
// hash-wasm's module has no imports. A digest may be taken in the middle; more may follow.
function hasherOf(wasm) {
  const buffer = new Uint8Array(wasm.memory.buffer, wasm.Hash_GetBuffer(), BUFFER_BYTES);
  wasm.Hash_Init(0);
  const update = (bytes) => {
    for (let at = 0; at < bytes.length; at += BUFFER_BYTES) {
      const part = bytes.subarray(at, at + BUFFER_BYTES);
      buffer.set(part);
      wasm.Hash_Update(part.length);
    }
  };
  const digest = () => {
    wasm.Hash_Final(DIGEST_BYTES);
    return buffer.slice(0, DIGEST_BYTES);
  };
  return { update, digest };
}

// Relative to this script, because that is a worker's address.
const module = fetch('vendor/blake3.wasm').then(WebAssembly.compileStreaming);
module.catch(() => postMessage({ kind: 'broken' }));
// The file of each upload, how far it is read, and the hasher of that part.
const files = new Map();
let last = Promise.resolve();

async function read(entry, length) {
  const { file, at } = entry;
  const bytes = new Uint8Array(await file.slice(at, at + length).arrayBuffer());
  if (bytes.length !== length) throw new Error('it is shorter now');
  entry.hasher.update(bytes);
  entry.at += length;
  return bytes;
}

const digestAtEnd = ({ file, at, hasher }) => (at === file.size ? hasher.digest() : undefined);
async function answer({ kind, id, offset, digest, length }) {
  const entry = files.get(id);
  if (!entry) return null;
  if (kind === 'begin') {
    const { exports } = await WebAssembly.instantiate(await module);
    Object.assign(entry, { at: 0, hasher: hasherOf(exports) });
    while (entry.at < offset) await read(entry, Math.min(READ_BYTES, offset - entry.at));
    const isSame = !digest || String(digest) === String(entry.hasher.digest());
    return isSame ? { kind: 'begun', digest: digestAtEnd(entry) } : { kind: 'differs' };
  }
  const bytes = await read(entry, length);
  return { kind: 'block', bytes, digest: digestAtEnd(entry) };
}

onmessage = ({ data }) => {
  const { kind, id, run } = data;
  // Timers of a page in the background are slow; those of a worker are not.
  if (kind === 'wait') return setTimeout(() => postMessage({ kind: 'waited' }), data.ms);
  if (kind === 'file') return files.set(id, { file: data.file });
  last = last.then(async () => {
    if (kind === 'end') return files.delete(id);
    try {
      const reply = await answer(data);
      if (reply) postMessage({ ...reply, id, run }, reply.bytes ? [reply.bytes.buffer] : []);
    } catch (error) {
      postMessage({ kind: 'failed', id, run, why: error.message });
    }
  });
};
