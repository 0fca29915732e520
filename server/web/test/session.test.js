// The session against a small server, cut at every byte, and against a server that breaks rules.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  ACTION, CAPABILITY_OPERATORS, CODE, Deframer, FRAMES, decode, encode,
} from '../protocol.js';
import { Session } from '../session.js';
import { examples, recordings } from './document.js';
import { Client, HELLO_ACK, Server } from './world.js';

const range = (from, to) => Array.from({ length: to - from + 1 }, (_, at) => from + at);

function roomWith(lines) {
  const server = new Server();
  server.event('Joined', { nick: 'bob' });
  server.members.add('bob');
  for (let line = 1; line <= lines; line++) {
    server.event('Said', { nick: 'bob', messageId: BigInt(line), text: `line ${line}` });
  }
  return server;
}

test('the session of the page makes sense at every cut', () => {
  const all = Buffer.concat(
    examples.filter((it) => it.name === 'session server').map((it) => it.bytes),
  );
  // Of its upload we know nothing, so it ends before that.
  const bytes = all.subarray(0, all.indexOf(Buffer.from([0x90, 0, 0, 0, 0])));
  for (let cut = 0; cut <= bytes.length; cut++) {
    const client = new Client(new Server());
    client.session.connecting();
    client.session.connected(0);
    client.session.receive(bytes.subarray(0, cut), 0);
    client.session.receive(bytes.subarray(cut), 0);
    const kinds = client.session.takeEvents().map((it) => it.event?.frame ?? it.kind);
    assert.deepEqual(kinds, ['joined', 'room', 'Joined', 'Said'], `cut at ${cut}`);
    assert.deepEqual([...client.session.room.members], ['ada']);
  }
});

test('recorded sessions make sense', () => {
  // What another client has asked for, and answers to what we have not: left out.
  const isOfTransfer = (bytes) => [0x20, 0x84, 0x90, 0x91, 0x92].includes(bytes[0]);
  for (const { name, steps } of recordings) {
    for (const connection of new Set(steps.map((step) => step.connection))) {
      const own = steps.filter((step) => step.connection === connection && step.mark === '<');
      const client = new Client(new Server());
      client.session.connecting();
      client.session.connected(0);
      let events = 0;
      for (const { bytes } of own.filter((step) => !isOfTransfer(step.bytes))) {
        client.session.receive(bytes, 0);
        events += bytes[0] >> 4 === 0xc ? 1 : 0;
      }
      const told = client.session.takeEvents();
      const what = `${name}, connection ${connection}`;
      assert.ok(!told.some(({ why }) => why?.kind === 'violation'), what);
      assert.ok(told.filter((it) => it.kind === 'event').length <= events, what);
    }
  }
});

test('history, then what happens, in order', () => {
  const server = roomWith(5);
  const client = new Client(server, { history: 3 }).enter();
  assert.deepEqual(client.seqs('history'), range(4, 7));
  server.event('Said', { nick: 'bob', messageId: 9n, text: 'news' });
  client.exchange();
  assert.deepEqual(client.seqs('live'), [8]);
  assert.deepEqual([...client.session.room.members].sort(), ['ada', 'bob']);
});

test('without history, none is shown', () => {
  const client = new Client(roomWith(5), { history: 0 }).enter();
  assert.deepEqual(client.seqs(), []);
  client.cut();
  assert.deepEqual(client.enter().seqs(), [], 'nor on coming back');
});

test('a name that is taken leads to another', () => {
  const server = roomWith(0);
  const client = new Client(server, { nick: 'bob' }).enter();
  const [refused] = client.told('nickRefused');
  assert.deepEqual([refused.code, refused.suggestion], [CODE.NICK_TAKEN, 'bob2']);
  client.session.rejoin({ nick: refused.suggestion });
  client.exchange();
  assert.equal(client.session.nick, 'bob2');
  assert.ok(client.session.isJoined);
});

test('a password is asked for when the server asks, and sent again without asking', () => {
  const server = roomWith(0);
  server.password = 'open sesame';
  const client = new Client(server).enter();
  assert.deepEqual(client.told('password').map((it) => it.isWrong), [false]);
  client.session.rejoin({ password: 'guess' });
  client.exchange();
  assert.deepEqual(client.told('password').map((it) => it.isWrong), [false, true]);
  client.session.rejoin({ password: 'open sesame' });
  client.exchange().cut();
  server.members.delete('ada');
  client.enter();
  assert.ok(client.session.isJoined && client.told('password').length === 2);
});

test('a password is never sent where others can read it, nor before it is asked for', () => {
  const server = roomWith(0);
  server.password = 'open sesame';
  const config = { password: 'open sesame', maySendPassword: false };
  const client = new Client(server, config).enter();
  assert.deepEqual(client.told('over').map((it) => it.why.kind), ['passwordUnsafe']);
  const session = new Client(new Server(), { password: 'open sesame' }).session;
  session.connecting();
  session.connected(0);
  assert.ok(!Buffer.from(session.takeOutput(0, 0)).includes('open sesame'));
});

test('whatever the connection breaks at, every event is shown once', () => {
  // A welcome, its snapshot and history take less than that.
  for (let down = 0; down <= 600; down++) {
    const server = roomWith(3);
    const client = new Client(server).connect();
    client.exchange({ down });
    server.event('Said', { nick: 'bob', messageId: 70n, text: 'meanwhile' });
    if (!client.session.resume) continue;
    client.cut().enter();
    server.event('Said', { nick: 'bob', messageId: 71n, text: 'then' });
    client.exchange();
    const count = server.log.length;
    assert.deepEqual(client.seqs(), range(1, count), `after ${down} bytes`);
    assert.deepEqual(client.told('missed'), []);
  }
});

test('whatever the connection breaks at, every line is said once, in order', () => {
  for (let up = 0; up <= 160; up++) {
    for (const down of [0, 20, Infinity]) {
      const server = roomWith(1);
      const client = new Client(server).enter();
      for (const text of ['one', 'two', 'three']) client.session.ask('Say', { text });
      client.exchange({ up, down }).cut();
      client.session.ask('Say', { text: 'kept' });
      client.enter();
      const own = server.log.filter(({ event }) => event.nick === 'ada' && event.text);
      const texts = own.map(({ event }) => event.text);
      assert.deepEqual(texts, ['one', 'two', 'three', 'kept'], `after ${up} and ${down} bytes`);
      const ids = own.map(({ event }) => event.messageId);
      assert.ok(ids.every((id, at) => id === ids[0] + BigInt(at)), 'with the numbers they had');
      assert.equal(client.session.pending.length, 0);
      assert.deepEqual(client.seqs(), range(1, server.log.length));
    }
  }
});

test('whatever a reload breaks at, every line is said once, in order', () => {
  for (let up = 0; up <= 160; up++) {
    for (const down of [0, 20, Infinity]) {
      const server = roomWith(1);
      const before = new Client(server).enter();
      for (const text of ['one', 'two', 'three']) before.session.ask('Say', { text });
      before.exchange({ up, down }).cut();
      before.session.ask('Say', { text: 'kept', style: 1 });
      before.session.ask('Tell', { to: 'bob', text: 'psst' });
      // As the browser keeps it.
      const unsent = JSON.parse(JSON.stringify(before.session.unsent));
      const client = new Client(server, { resume: before.session.resume, unsent }).enter();
      const own = server.log.filter(({ event }) => event.nick === 'ada' && event.text);
      const texts = own.map(({ event }) => event.text);
      assert.deepEqual(texts, ['one', 'two', 'three', 'kept'], `after ${up} and ${down} bytes`);
      assert.deepEqual(client.told('told').map((it) => it.told.text), ['psst']);
      assert.equal(client.session.pending.length, 0);
      assert.deepEqual(client.told('joined').length, 1);
    }
  }
});

test('a private message that a reload leaves in doubt is reported', () => {
  const server = roomWith(1);
  const before = new Client(server).enter();
  before.session.ask('Tell', { to: 'bob', text: 'psst' });
  before.session.ask('Rename', { nick: 'lovelace' });
  before.session.takeOutput(0, 0);
  const { resume, unsent } = before.session;
  assert.deepEqual(unsent.map(({ name, state }) => [name, state]), [['Tell', 'doubt']]);
  const client = new Client(server, { resume, unsent }).enter();
  assert.deepEqual(client.told('unanswered').map((it) => it.entry.fields.text), ['psst']);
  assert.deepEqual([client.told('told'), client.session.phase], [[], 'joined']);
});

test('what cannot be said again is reported', () => {
  const client = new Client(roomWith(1)).enter();
  client.session.ask('Tell', { to: 'bob', text: 'psst' });
  client.session.ask('SetTopic', { topic: 'engines' });
  client.session.takeOutput(0, 0);
  client.cut().enter();
  const names = client.told('unanswered').map((it) => it.entry.name);
  assert.deepEqual(names, ['Tell', 'SetTopic']);
  assert.equal(client.session.pending.length, 0);
});

test('events that are no longer held are counted', () => {
  const server = roomWith(3);
  const client = new Client(server).enter().cut();
  client.session.connecting();
  client.session.connected(client.now);
  const { resume } = client.session;
  const welcome = { nick: 'ada', seq: 20n, fromSeq: 11n, resume };
  const receive = (...frames) => frames.forEach((it) => client.session.receive(it, client.now));
  receive(encode('HelloAck', HELLO_ACK), encode('Welcome', welcome));
  receive(encode('Snapshot', { seq: 20n, part: 3, member: ['ada'] }));
  const [missed] = client.session.takeEvents().filter((it) => it.kind === 'missed');
  assert.deepEqual([missed.from, missed.to], [6n, 10n]);
});

test('a gap is shown, and nothing is said twice because of it', () => {
  const client = new Client(roomWith(0)).enter();
  const { session } = client;
  session.ask('Say', { text: 'in the gap' });
  session.takeOutput(0, 0);
  session.receive(encode('Gap', { fromSeq: 3n, toSeq: 9n, nick: 'ada' }), 0);
  session.receive(encode('Snapshot', { seq: 9n, part: 3, member: ['ada', 'carol'] }), 0);
  const [gap] = session.takeEvents().filter((it) => it.kind === 'gap');
  assert.deepEqual([gap.from, gap.to], [3n, 9n]);
  assert.ok(session.room.members.has('carol'));
  assert.equal(session.pending.length, 1, 'it may still be refused');
  assert.deepEqual([...session.takeOutput(0, 0)], [...encode('Ping')]);
  session.receive(encode('Pong'), 0);
  assert.equal(session.pending.length, 0);
  const said = { seq: 10n, at: 1n, nick: 'carol', messageId: 1n, text: 'hi' };
  session.receive(encode('Said', said), 0);
  assert.deepEqual(session.takeEvents().map((it) => it.when), ['live']);
});

test('events that a crash has cost the server are void', () => {
  const client = new Client(roomWith(3)).enter().cut();
  client.session.connecting();
  client.session.connected(client.now);
  const { resume } = client.session;
  client.session.receive(encode('HelloAck', HELLO_ACK), client.now);
  client.session.receive(encode('Welcome', { nick: 'ada', seq: 4n, fromSeq: 4n, resume }), 0);
  client.session.receive(encode('Snapshot', { seq: 4n, part: 3, member: ['ada'] }), 0);
  const said = { seq: 4n, at: 1n, nick: 'bob', messageId: 1n, text: 'other' };
  client.session.receive(encode('Said', said), 0);
  const told = client.session.takeEvents();
  assert.equal(told.find((it) => it.kind === 'rewound').from, 4n);
  assert.equal(told.find((it) => it.kind === 'event').when, 'away');
});

test('lines keep to the pace that the server has told, and are refused never', () => {
  const server = roomWith(0);
  const allowance = [{ kind: 1, atOnce: 3n, refill: 5n, periodMs: 1000 }];
  server.ack = { ...HELLO_ACK, allowance };
  const client = new Client(server).enter();
  const before = server.log.length;
  for (const at of range(1, 10)) client.session.ask('Say', { text: `line ${at}` });
  client.exchange();
  assert.equal(server.log.length - before, 3);
  assert.ok(client.session.deadline() <= client.now + 200);
  for (const at of range(4, 10)) {
    client.pass(199).exchange();
    assert.equal(server.log.length - before, at - 1);
    client.pass(1).exchange();
    assert.equal(server.log.length - before, at);
  }
});

test('a line that is refused for now goes again by itself, in its place', () => {
  const client = new Client(roomWith(0)).enter();
  const first = client.session.ask('Say', { text: 'one' });
  client.session.takeOutput(0, 0);
  const refused = { code: CODE.TOO_MANY_LINES, about: 3, messageId: first.id, retryMs: 700 };
  client.session.receive(encode('Refused', refused), 0);
  client.session.ask('Say', { text: 'two' });
  assert.equal(client.session.takeOutput(0, 0), null);
  assert.deepEqual(client.session.takeEvents(), []);
  client.pass(700).exchange().pass(700).exchange();
  const texts = client.seqs('live').length;
  assert.equal(texts, 2);
  assert.deepEqual(client.told('event').slice(-2).map((it) => it.event.text), ['one', 'two']);
});

test('a command that goes again is answered behind what was sent meanwhile', () => {
  const server = roomWith(0);
  server.ack = { ...HELLO_ACK, allowance: [{ kind: 2, atOnce: 3n, refill: 5n, periodMs: 1000 }] };
  const client = new Client(server).enter();
  const refuse = (fields) => client.session.receive(
    encode('Refused', { about: FRAMES.SetTopic.type, ...fields }), client.now);
  const sends = () => {
    const [raw] = new Deframer().push(client.session.takeOutput(0, client.now));
    return decode(raw).topic;
  };
  for (const topic of ['first', 'second']) client.session.ask('SetTopic', { topic });
  assert.deepEqual([sends(), sends()], ['first', 'second']);
  refuse({ code: CODE.TOO_MANY_CHANGES, retryMs: 700 });
  client.pass(900);
  assert.equal(sends(), 'first');
  refuse({ code: CODE.TEXT_TOO_LONG });
  const [told] = client.session.takeEvents();
  assert.equal(told.entry.fields.topic, 'second');
  assert.deepEqual(client.session.pending.map(({ fields }) => fields.topic), ['first']);
});

test('a refusal names what was refused, with its figure', () => {
  const client = new Client(roomWith(0)).enter();
  const { id } = client.session.ask('Say', { text: 'too long' });
  const refused = { code: CODE.TEXT_TOO_LONG, about: 3, messageId: id, limit: 8192n };
  client.session.receive(encode('Refused', refused), 0);
  const [told] = client.session.takeEvents();
  assert.deepEqual([told.entry.fields.text, told.refused.limit], ['too long', 8192n]);
});

test('private messages, renames and topics', () => {
  const client = new Client(roomWith(0)).enter();
  client.session.ask('Rename', { nick: 'lovelace' });
  client.session.ask('SetTopic', { topic: 'engines' });
  client.session.ask('Tell', { to: 'bob', text: 'psst' });
  client.exchange();
  assert.deepEqual([client.session.nick, client.session.pending.length], ['lovelace', 0]);
  assert.equal(client.session.room.topic.topic, 'engines');
  assert.deepEqual([...client.session.room.members].sort(), ['bob', 'lovelace']);
  assert.deepEqual(client.told('told').map((it) => [it.told.text, it.isOwn]), [['psst', true]]);
  client.session.ask('SetTopic', {});
  client.exchange();
  assert.equal(client.session.room.topic, null);
});

test('each goodbye is a reason to come back or to stay away', () => {
  const comesBack = (code, fields) => {
    const client = new Client(roomWith(0)).enter();
    client.session.receive(encode('Goodbye', { code, ...fields }), client.now);
    const [event] = client.session.takeEvents();
    return event.kind === 'offline' ? client.session.retryAt - client.now : null;
  };
  for (const name of ['SHUTTING_DOWN', 'TIMED_OUT', 'TOO_SLOW', 'ROOM_FULL', 'FLOODING']) {
    assert.ok(comesBack(CODE[name]), name);
  }
  for (const name of ['REPLACED', 'MALFORMED', 'BANNED', 'KICKED', 'LEFT', 'VERSION']) {
    assert.equal(comesBack(CODE[name]), null, name);
  }
  assert.ok(comesBack(CODE.FLOODING, { retryMs: 9000 }) >= 9000);
});

test('leaving is answered by a goodbye, and is no loss', () => {
  const client = new Client(roomWith(0)).enter();
  client.session.leave();
  client.exchange();
  assert.deepEqual(client.told('over').map((it) => it.why.kind), ['left']);
  const offline = new Client(roomWith(0)).enter().cut();
  offline.session.leave();
  assert.equal(offline.session.phase, 'over');
});

test('waits between attempts grow, and one at once can be asked for', () => {
  const client = new Client(roomWith(0)).enter();
  client.cut();
  const waits = range(1, 12).map(() => {
    client.pass(client.session.retryAt - client.now);
    client.session.connecting();
    client.session.lost(client.now);
    return client.session.retryAt - client.now;
  });
  assert.ok(waits[0] >= 1000 && waits[0] <= 2000 && waits.at(-1) >= 30_000, String(waits));
  client.session.reconnect(client.now);
  assert.ok(client.session.wantsConnection(client.now));
});

test('a silent server is asked, told of, and given up', () => {
  const client = new Client(roomWith(0)).enter();
  client.session.ask('Say', { text: 'hello?' });
  client.session.takeOutput(0, 0);
  client.pass(2000);
  assert.deepEqual([...client.session.takeOutput(0, 0)], [...encode('Ping')]);
  assert.ok(!client.session.isLate);
  assert.ok(client.pass(3000).session.isLate);
  client.pass(24_999);
  assert.ok(client.session.isJoined);
  assert.ok(client.pass(1).session.isOffline);
  const idle = new Client(roomWith(0)).enter().pass(20_000).exchange();
  assert.ok(idle.session.isJoined && idle.pass(149_000).session.isJoined);
});

test('after a sleep the connection proves itself within seconds', () => {
  const client = new Client(roomWith(0)).enter();
  client.session.wake(client.now);
  client.exchange().pass(5000);
  assert.ok(client.session.isJoined);
  client.session.wake(client.now);
  assert.ok(client.pass(4000).session.isOffline);
});

test('a page that is loaded again is the same member', () => {
  const server = roomWith(2);
  const { resume } = new Client(server).enter().session;
  const client = new Client(server, { resume }).enter();
  assert.ok(client.session.isJoined);
  assert.equal(server.log.filter(({ event }) => event.nick === 'ada').length, 1);
  assert.deepEqual(client.seqs('history'), range(1, 4));
});

test('what may not come when it comes ends the session', () => {
  const [member, resume] = [['ada'], new Uint8Array(24)];
  const item = { item: 1n, name: 'a', size: 1n, digest: new Uint8Array(32), nick: 'b', at: 1n };
  const event = { seq: 99n, at: 1n, nick: 'bob' };
  const bad = {
    'a second HelloAck': encode('HelloAck', HELLO_ACK),
    'a second Welcome': encode('Welcome', { nick: 'ada', seq: 2n, fromSeq: 3n, resume }),
    'a snapshot out of place': encode('Snapshot', { seq: 2n, part: 3, member }),
    'an event out of order': encode('Joined', event),
    'a gap out of order': encode('Gap', { fromSeq: 7n, toSeq: 9n, nick: 'ada' }),
    'a gap that ends before it begins': encode('Gap', { fromSeq: 3n, toSeq: 2n, nick: 'ada' }),
    'UploadReady of no upload': encode('UploadReady', { transfer: 1, offset: 0n }),
    'UploadStored of no upload': encode('UploadStored', { transfer: 1, item: 1n }),
    'DownloadReady of no download':
      encode('DownloadReady', { transfer: 1, offset: 0n, shelfItem: item }),
    'Stats that were not asked for': encode('Stats', {}),
    'a frame of clients': encode('Rename', { nick: 'x' }),
  };
  for (const [what, bytes] of Object.entries(bad)) {
    const client = new Client(roomWith(0)).enter();
    client.session.receive(bytes, 0);
    assert.equal(client.session.takeEvents()[0]?.why?.kind, 'violation', what);
  }
});

test('a server that fills our memory is left', () => {
  const client = new Client(roomWith(0)).enter();
  const pings = Buffer.concat(Array(1000).fill(encode('Ping')));
  for (let round = 0; round < 200 && client.session.phase !== 'over'; round++) {
    client.session.receive(pings, 0);
  }
  assert.equal(client.session.phase, 'over');
  const { session } = new Client(roomWith(0));
  session.connecting();
  session.connected(0);
  session.receive(encode('HelloAck', HELLO_ACK), 0);
  const resume = new Uint8Array(24);
  session.receive(encode('Welcome', { nick: 'ada', seq: 1n, fromSeq: 1n, resume }), 0);
  for (let part = 0; part < 400 && session.phase !== 'over'; part++) {
    const member = range(0, 999).map((at) => `m${part * 1000 + at}`);
    session.receive(encode('Snapshot', { seq: 1n, part: part === 0 ? 1 : 0, member }), 0);
  }
  assert.equal(session.phase, 'over');
});

// Operators.

function operator() {
  const server = roomWith(3);
  server.ack = { ...HELLO_ACK, capabilities: CAPABILITY_OPERATORS };
  const client = new Client(server).enter();
  client.session.ask('Op', { password: 'mellon' });
  return { server, client: client.exchange() };
}

test('what operators ask for is done and told, or refused', () => {
  const { server, client } = operator();
  const { session } = client;
  assert.ok(session.mayModerate);
  session.ask('Moderate', { action: ACTION.REDACT, line: 3n });
  session.ask('Moderate', { action: ACTION.BAN, to: 'bob' });
  session.ask('Moderate', { action: ACTION.REDACT, line: 99n });
  session.ask('BansRequest');
  client.exchange();
  const told = client.told('event').filter(({ event }) => event.frame === 'Moderated');
  const actions = told.map(({ event }) => event.action);
  assert.deepEqual(actions, [ACTION.OP, ACTION.REDACT, ACTION.BAN]);
  assert.deepEqual(client.told('refused').map((it) => it.refused.code), [CODE.LINE_UNKNOWN]);
  const [{ bans }] = client.told('bans');
  assert.deepEqual(bans.map((it) => it.to), ['bob']);
  assert.equal(session.pending.length, 0);
  const late = new Client(server, { nick: 'carol' }).enter();
  assert.ok(late.told('event').some(({ event }) => event.text === '[redacted]'), 'in history');
});

test('what operators ask for is never kept for a later connection', () => {
  const { server, client } = operator();
  const { session } = client;
  server.event('Said', { nick: 'bob', messageId: 9n, text: 'news' });
  session.ask('Moderate', { action: ACTION.KICK, to: 'bob' });
  session.takeOutput(0, 0);
  client.cut();
  assert.ok(!session.mayModerate);
  client.enter();
  assert.deepEqual(client.told('unanswered').map((it) => it.entry.name), ['Moderate']);
  assert.equal(session.pending.length, 0);
  const kicks = server.log.filter(({ event }) => event.action === ACTION.KICK);
  assert.equal(kicks.length, 0);
});

test('in a room without operators nobody asks for their rights', () => {
  assert.ok(!new Client(roomWith(0)).enter().session.mayModerate);
});

test('an operator that guesses too fast is told, and does not guess again by itself', () => {
  const { client } = operator();
  client.session.ask('Op', { password: 'melon' });
  client.session.takeOutput(0, 0);
  const refused = { code: CODE.TOO_MANY_GUESSES, about: FRAMES.Op.type, retryMs: 500 };
  client.session.receive(encode('Refused', refused), 0);
  assert.equal(client.session.pending.length, 0);
  assert.equal(client.session.takeOutput(0, 0), null);
});

// Uploads.

const content = (length) => Uint8Array.from({ length }, (_, at) => (at * 7) % 251);

test('a file goes to the shelf', () => {
  const server = roomWith(0);
  for (const length of [0, 1, 65_536, 300_000]) {
    const client = new Client(server, { nick: `ada${length}` }).enter();
    client.upload('notes.txt', content(length));
    client.exchange();
    const [ended] = client.told('upload').filter((it) => it.what === 'ended');
    assert.equal(ended.outcome.kind, 'stored', `${length} bytes`);
    assert.equal(Number(client.session.room.shelf.get(ended.outcome.item).size), length);
  }
});

test('whatever the connection breaks at, a file is on the shelf once and whole', () => {
  const bytes = content(300);
  for (let cut = 0; cut <= 480; cut += 1) {
    const server = roomWith(0);
    const client = new Client(server).enter();
    client.upload('notes.txt', bytes);
    client.exchange({ up: cut, down: cut }).cut();
    client.enter();
    assert.equal(server.shelf.length, 1, `cut at ${cut}`);
    assert.equal(client.session.uploads.all.size, 0);
  }
});

test('what the server has kept is not sent again', () => {
  const server = roomWith(0);
  server.keptBytesMax = 200_000;
  const client = new Client(server).enter();
  client.upload('big.iso', content(400_000));
  client.exchange({ up: 262_144 }).cut();
  const before = client.sentBytes;
  client.enter();
  assert.equal(client.told('upload').filter((it) => it.what === 'resumed').length, 1);
  // Three whole frames had arrived.
  const rest = client.sentBytes - before - (400_000 - 3 * 65_536);
  assert.ok(rest > 0 && rest < 500, `${rest} bytes beside the rest of the file`);
  assert.equal(server.shelf.length, 1);
});

test('a page that is loaded again resumes with the key, and notices another file', () => {
  const server = roomWith(0);
  const first = new Client(server).enter();
  const { key } = first.upload('big.iso', content(400_000));
  first.exchange({ up: 300_000 });
  const second = new Client(server, { nick: 'ada2' }).enter();
  second.upload('big.iso', content(400_000), key);
  second.exchange();
  assert.deepEqual(second.told('upload').map((it) => it.what), ['resumed', 'ended']);
  server.stored.clear();
  server.kept.set(String(key), [1, 2, 3]);
  const third = new Client(server, { nick: 'ada3' }).enter();
  third.upload('big.iso', content(400_000), key);
  third.exchange();
  assert.deepEqual(third.told('upload').map((it) => it.what), ['restarted', 'ended']);
  assert.equal(third.told('upload').at(-1).outcome.kind, 'stored');
});

test('more uploads than the server takes wait, and cancelled ones end', () => {
  const server = roomWith(0);
  const client = new Client(server).enter();
  const [a, b, c] = ['a', 'b', 'c'].map((name) => client.upload(name, content(100)));
  assert.deepEqual([a.state, b.state, c.state], ['offered', 'offered', 'queued']);
  client.session.uploads.cancel(b.id);
  client.exchange();
  assert.deepEqual(server.shelf.map(({ name }) => name).sort(), ['a', 'c']);
  const outcomes = client.told('upload').filter((it) => it.what === 'ended');
  assert.deepEqual(outcomes.map((it) => it.outcome.kind).sort(), ['cancelled', 'stored', 'stored']);
});

test('an offer that is refused for now is made again by itself', () => {
  const client = new Client(roomWith(0)).enter();
  const { number } = client.upload('a', content(10));
  client.session.takeOutput(0, 0);
  const about = FRAMES.UploadOffer.type;
  const refused = { code: CODE.TOO_MUCH_UPLOADED, about, transfer: number, retryMs: 500 };
  client.session.receive(encode('Refused', refused), 0);
  client.exchange();
  assert.equal(client.pass(499).exchange().told('upload').length, 0);
  assert.ok(client.session.deadline() <= client.now + 50);
  client.pass(1).exchange();
  assert.equal(client.told('upload').at(-1).outcome.kind, 'stored');
});

test('a file that cannot be read is cancelled', () => {
  const client = new Client(roomWith(0)).enter();
  const upload = client.upload('a', content(10));
  client.session.receive(encode('UploadReady', { transfer: upload.number, offset: 0n }), 0);
  client.session.uploads.reply({ kind: 'failed', id: upload.id, run: upload.run, why: 'gone' });
  const outcomes = client.session.takeEvents().filter((it) => it.what === 'ended');
  assert.deepEqual(outcomes.map((it) => it.outcome.kind), ['failed']);
});

test('uploads take turns, and a line overtakes them', () => {
  const client = new Client(roomWith(0)).enter();
  ['a', 'b'].forEach((name) => client.upload(name, content(200_000)));
  for (let frame; (frame = client.session.takeOutput(0, 0)); ) client.connection.receive(frame);
  client.session.receive(Uint8Array.from(client.connection.output.splice(0)), 0);
  const { requests } = client.session.uploads;
  for (const { kind, id, run, length } of requests.splice(0)) {
    if (kind === 'begin') client.session.uploads.reply({ kind: 'begun', id, run });
    else client.session.uploads.reply({ kind: 'block', id, run, bytes: content(length) });
  }
  for (const { id, run, length } of requests.splice(0)) {
    client.session.uploads.reply({ kind: 'block', id, run, bytes: content(length) });
  }
  const numbers = range(1, 4).map(() => client.session.takeOutput(1000, 0)[9]);
  assert.deepEqual(numbers, [1, 2, 1, 2]);
  client.session.ask('Say', { text: 'hi' });
  assert.equal(client.session.takeOutput(1000, 0)[0], FRAMES.Say.type);
});

test('a session without a connection keeps what is said, up to a bound', () => {
  const client = new Client(roomWith(0)).enter().cut();
  const kept = range(1, 1001).map((at) => client.session.ask('Say', { text: `line ${at}` }));
  assert.deepEqual([kept.at(-2) !== null, kept.at(-1)], [true, null]);
  assert.ok(client.session instanceof Session);
});
