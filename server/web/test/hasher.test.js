// The file reader, run here as in its worker: digests, resumed beginnings, and files that change.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { Deframer, decode } from '../protocol.js';
import { examples, hex } from './document.js';

let answers = [];
let wake = () => {};
const module = readFileSync(new URL('../vendor/blake3.wasm', import.meta.url));
globalThis.fetch = async () => new Response(module, { headers: { 'content-type': 'application/wasm' } });
globalThis.postMessage = (message) => (answers.push(message), wake());
globalThis.onmessage = null;
await import('../hasher.js');

const example = (name) => {
  const { bytes } = examples.find((it) => it.name === name);
  return decode([...new Deframer().push(bytes)][0]);
};
// As the page has it.
const SHELF = hex(example('UploadDone').digest);
const HELLO = example('UploadReady-resume').digest;

async function ask(...requests) {
  answers = [];
  requests.forEach((data) => globalThis.onmessage({ data }));
  const expected = requests.filter(({ kind }) => kind === 'begin' || kind === 'read').length;
  while (answers.length < expected) await new Promise((done) => (wake = done));
  return answers;
}

const open = (id, ...parts) => ({ kind: 'file', id, file: new File(parts, 'a') });
const begin = (id, offset = 0, digest) => ({ kind: 'begin', id, run: 1, offset, digest });
const read = (id, length) => ({ kind: 'read', id, run: 1, length });

test('a file is read in pieces, and its digest comes with the last', async () => {
  const file = open(1, 'hello shelf\n');
  const [begun, first, last] = await ask(file, begin(1), read(1, 5), read(1, 7));
  assert.deepEqual([begun.kind, begun.digest], ['begun', undefined]);
  assert.deepEqual([Buffer.from(first.bytes).toString(), first.digest], ['hello', undefined]);
  assert.deepEqual([Buffer.from(last.bytes).toString(), hex(last.digest)], [' shelf\n', SHELF]);
});

test('a beginning that the server has is compared, and counts for the digest', async () => {
  const [begun, last] = await ask(open(2, 'hello shelf\n'), begin(2, 5, HELLO), read(2, 7));
  assert.deepEqual([begun.kind, hex(last.digest)], ['begun', SHELF]);
  const [differs] = await ask(open(3, 'Hello shelf\n'), begin(3, 5, HELLO));
  assert.equal(differs.kind, 'differs');
});

test('where nothing is left to read, the digest is there at once', async () => {
  const [empty] = await ask(open(4), begin(4));
  assert.equal(hex(empty.digest).slice(0, 16), 'af1349b9f5f9a1a6');
  const [whole] = await ask(open(5, 'hello'), begin(5, 5, HELLO));
  assert.deepEqual([whole.kind, hex(whole.digest)], ['begun', hex(HELLO)]);
});

test('pieces of any size have the same digest', async () => {
  const bytes = Uint8Array.from({ length: 100_000 }, (_, at) => at % 251);
  const [, whole] = await ask(open(6, bytes), begin(6), read(6, 100_000));
  const sizes = [1, 16_383, 16_384, 16_385, 50_847];
  const pieces = await ask(open(7, bytes), begin(7), ...sizes.map((size) => read(7, size)));
  assert.equal(hex(pieces.at(-1).digest), hex(whole.digest));
});

test('a file that has become shorter is not sent', async () => {
  const [, failed] = await ask(open(8, 'short'), begin(8), read(8, 100));
  assert.equal(failed.kind, 'failed');
});
