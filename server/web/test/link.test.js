// The page's connection, with a socket that opens when the test says so.

import assert from 'node:assert/strict';
import { after, beforeEach, test } from 'node:test';

import { Link } from '../link.js';
import { Session } from '../session.js';

class FakeSocket {
  static OPEN = 1;
  static all = [];
  readyState = 0;
  bufferedAmount = 0;
  sent = [];

  constructor() { FakeSocket.all.push(this); }
  send(bytes) { this.sent.push(bytes); }
  close() { this.readyState = 3; }
  open() {
    this.readyState = FakeSocket.OPEN;
    this.onopen();
  }
}

class FakeWorker {
  static all = [];
  taken = [];

  constructor() { FakeWorker.all.push(this); }
  postMessage({ kind }) { this.taken.push(kind); }
  terminate() { this.isEnded = true; }
}

const fakes = { WebSocket: FakeSocket, Worker: FakeWorker };
beforeEach(() => {
  Object.assign(globalThis, fakes);
  Object.values(fakes).forEach((fake) => (fake.all = []));
});
after(() => Object.keys(fakes).forEach((name) => delete globalThis[name]));

function linked(onChange = () => {}) {
  const asked = { nick: 'ada', history: 0, maySendPassword: true };
  const randomBytes = (count) => new Uint8Array(count);
  const session = new Session({ ...asked, random: Math.random, randomBytes }, performance.now());
  return { session, link: new Link(session, 'ws://localhost/ws', onChange) };
}

test('an attempt to connect goes on whatever is done meanwhile', () => {
  const { session, link } = linked();
  for (let step = 0; step < 3; step++) link.run();
  const [socket, ...others] = FakeSocket.all;
  assert.deepEqual([socket.readyState, others.length], [0, 0]);
  socket.open();
  assert.equal(socket.sent.length, 2, 'Hello and Join');
  session.leave();
  link.run();
  session.lost(performance.now());
  link.run();
  assert.equal(socket.readyState, 3);
});

test('what fails on the page does not stop the clock', (t) => {
  const timer = t.mock.method(globalThis, 'setTimeout', () => 0);
  const { link } = linked(() => {
    throw new Error('on the page');
  });
  assert.throws(() => link.run(), /on the page/);
  assert.throws(() => FakeSocket.all[0].open(), /on the page/);
  assert.equal(timer.mock.callCount(), 1);
});

test('a reader that fails is replaced, and uploads that it had are ended', () => {
  const { session, link } = linked();
  const [reader] = FakeWorker.all;
  const upload = session.uploads.add('a', 1, 0);
  link.open(upload.id, {});
  const ends = () => session.takeEvents().map(({ outcome }) => outcome.why);
  reader.onerror();
  assert.deepEqual([reader.isEnded, ends()], [true, []], 'it had nothing to read');
  session.uploads.start(1, 0);
  session.uploads.ready({ transfer: 1, offset: 0n });
  link.run();
  const [, next] = FakeWorker.all;
  assert.deepEqual([reader.taken, next.taken], [['file'], ['file', 'begin']]);
  next.onmessage({ data: { kind: 'broken' } });
  assert.deepEqual(ends(), ['reader']);
  reader.onerror();
  assert.equal(session.uploads.all.size, 0);
  session.leave();
  link.run();
});
