// The page's connection, with a socket that opens when the test says so.

import assert from 'node:assert/strict';
import { test } from 'node:test';

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

test('an attempt to connect goes on whatever is done meanwhile', (t) => {
  globalThis.WebSocket = FakeSocket;
  t.after(() => delete globalThis.WebSocket);
  const asked = { nick: 'ada', history: 0, maySendPassword: true, software: 'test' };
  const randomBytes = (count) => new Uint8Array(count);
  const session = new Session({ ...asked, random: Math.random, randomBytes }, performance.now());
  const link = new Link(session, 'ws://localhost/ws', () => {});
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
