// What operators do, from the page and from a terminal, and what the page shows and forgets of it.

import assert from 'node:assert/strict';
import { after } from 'node:test';

import {
  OPERATOR_PASSWORD, axe, closeBrowser, enter, fresh, inBrowser, say, shown, terminalMember, texts,
} from './harness.js';

after(closeBrowser);

// Whether the text is anywhere on the heap of the page's JavaScript.
async function isInMemory(page, text) {
  const devtools = await page.context().newCDPSession(page);
  let heap = '';
  devtools.on('HeapProfiler.addHeapSnapshotChunk', ({ chunk }) => (heap += chunk));
  await devtools.send('HeapProfiler.collectGarbage');
  await devtools.send('HeapProfiler.takeHeapSnapshot');
  await devtools.detach();
  return heap.includes(text);
}

const notices = (page) => texts(page, '.row.notice .text');

inBrowser('a line that an operator redacts is gone from screen, memory and history',
  async (context) => {
    const [ada, bob] = ['ada', 'bob'].map(fresh);
    const page = await enter(context, ada, { query: '?history=0' });
    const [speaker, operator] = [terminalMember(bob), terminalMember(fresh('tom'))];
    const secret = fresh('hunter2');
    operator.say('/op');
    await shown(page, 'is an operator now');
    speaker.say(`my password is ${secret}`);
    await shown(page, 'my password is');
    await operator.sees('my password is');
    operator.say(`/redact ${bob}`);
    await shown(page, 'redacted a line');
    await shown(page, '[redacted]', '.row.said');
    assert.ok(!(await page.content()).includes(secret), 'on the page');
    assert.ok(await isInMemory(page, bob), 'what is in memory is found');
    assert.ok(!(await isInMemory(page, secret)), 'in memory');
    const late = await enter(context, fresh('carol'));
    await shown(late, 'redacted a line');
    assert.ok(!(await late.content()).includes(secret), 'in history');
    assert.equal((await texts(late)).at(-1), '[redacted]');
    for (const member of [speaker, operator]) member.leave();
  });

inBrowser('a member on the page becomes an operator', async (context) => {
  const [ada, bob, tom, mallory] = ['ada', 'bob', 'tom', 'mallory'].map(fresh);
  const page = await enter(context, ada);
  const other = await enter(context, bob);
  const terminal = terminalMember(tom);
  await shown(page, `${tom} joined`);
  await say(page, `/kick ${tom}`);
  await shown(page, 'only operators may do that — /kick', '.row.notice');
  await say(page, '/op');
  await page.fill('#op-password', 'melon');
  assert.deepEqual(await axe(page), []);
  await page.press('#op-password', 'Enter');
  await shown(page, 'that is not the password', '.row.notice');
  await say(page, '/op');
  await page.fill('#op-password', OPERATOR_PASSWORD);
  await page.press('#op-password', 'Enter');
  await shown(other, `${ada} is an operator now`);

  await say(page, '/lock topic');
  await shown(other, `${ada} locked the topic`);
  await say(other, '/topic mine');
  await shown(other, 'only operators may change the topic', '.row.notice');
  await say(page, '/unlock topic');
  await shown(other, `${ada} unlocked the topic`);

  await say(other, 'something rude');
  await shown(page, 'something rude');
  await say(page, `/redact ${bob}`);
  // Both know of it, and not only of what was redacted before they came.
  for (const each of [page, other]) await shown(each, `${ada} redacted a line`);
  await shown(other, '[redacted]', '.row.said');
  await say(page, `/redact ${bob}`);
  await shown(page, 'No such line was seen here', '.row.notice');

  const name = `${fresh('notes')}.txt`;
  await other.setInputFiles('#files', { name, mimeType: 'text/plain', buffer: Buffer.alloc(10) });
  await shown(page, name, '#shelf li');
  await say(page, `/drop ${name}`);
  await shown(other, `${ada} took ${name} off the shelf`);

  await say(page, `/kick ${tom} enough`);
  await shown(other, `${ada} put ${tom} out of the room: enough`);
  await shown(other, `${tom} left: an operator has put the member out of the room`);
  await terminal.ended;
  await say(page, `/ban ${mallory} 30m spam`);
  await shown(other, `${ada} banned ${mallory} for 30 minutes: spam`);
  await say(page, '/ban 192.0.2.7');
  await shown(other, `${ada} banned an address`);
  await say(page, '/bans');
  await shown(page, '192.0.2.7  for good', '.row.notice');
  const [first] = (await notices(page)).filter((text) => text.includes(mallory)).slice(-1);
  assert.match(first, new RegExp(`^\\d+  ${mallory}  \\d+ minutes more, by ${ada}: spam$`));
  await say(page, `/unban ${first.match(/^\d+/)}`);
  await shown(other, `${ada} ended the ban of ${mallory}`);
});
