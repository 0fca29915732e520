// Pictures of the page, of the room that docs/screen.svg shows in a terminal: screenshots.js FOLDER

import { deflateSync } from 'node:zlib';

import { PHONE, closeBrowser, enter, file, newContext, say, shown } from './harness.js';

const [, , folder = '.'] = process.argv;

// A picture of waves, as a PNG: a signature, and chunks with their checksums.
function picture(width, height) {
  const table = Array.from({ length: 256 }, (_, at) => {
    let value = at;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
    return value >>> 0;
  });
  const chunk = (name, data) => {
    const body = Buffer.concat([Buffer.from(name), data]);
    const sum = body.reduce((crc, byte) => table[(crc ^ byte) & 255] ^ (crc >>> 8), 0xffffffff);
    const head = Buffer.alloc(4);
    const tail = Buffer.alloc(4);
    head.writeUInt32BE(data.length);
    tail.writeUInt32BE((sum ^ 0xffffffff) >>> 0);
    return Buffer.concat([head, body, tail]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width);
  header.writeUInt32BE(height, 4);
  header.set([8, 2], 8);
  const rows = Buffer.concat(Array.from({ length: height }, (_, y) => {
    const pixel = (x) => Math.sin(x / 24) * 30 + height / 2 < y ? [15, 107, 98] : [242, 181, 68];
    return Buffer.from([0, ...Array.from({ length: width }, (_, x) => pixel(x)).flat()]);
  }));
  const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  const parts = [['IHDR', header], ['IDAT', deflateSync(rows)], ['IEND', Buffer.alloc(0)]];
  return Buffer.concat([signature, ...parts.map(([name, data]) => chunk(name, data))]);
}

const SMALL = { ...PHONE, viewport: { width: 360, height: 720 }, deviceScaleFactor: 2 };

async function talk({ ada, edsger, grace }) {
  const each = async (who, text, seen) => {
    await say(who, text);
    for (const page of [ada, edsger, grace]) await shown(page, seen ?? text.split('\n')[0]);
  };
  const put = async (who, name, buffer) => {
    await who.setInputFiles('#files', file(name, buffer));
    for (const page of [ada, edsger, grace]) await shown(page, name, '#lines .row');
  };
  await each(grace, '/topic exam on Friday, room 101', 'set the topic');
  await each(grace, 'morning! does anybody have the notes on sorting?');
  await put(edsger, 'sorting-notes.pdf', Buffer.alloc(2_300_000, 7));
  await each(edsger, 'just put them on the shelf');
  await put(grace, 'graph.png', picture(360, 160));
  await each(grace, 'thank you! and that is the graph of last week');
  const lines = 'the pivot goes where it belongs,\nthe rest is recursion';
  await each(ada, `quicksort:\n${lines}`);
  await each(edsger, 'ada: nicely put. Is the lecture coming, too?');
}

async function save(page, name) {
  // The mouse is over nothing, and no caret blinks.
  await page.evaluate(() => document.activeElement.blur());
  await page.waitForTimeout(300);
  await page.screenshot({ path: `${folder}/${name}.png` });
}

const wide = await newContext({ viewport: { width: 1100, height: 680 } });
const small = await newContext(SMALL);
const chinese = await newContext({ ...SMALL, colorScheme: 'dark', locale: 'zh-TW' });
const grace = await enter(small, 'grace');
const ada = await enter(wide, 'ada');
const edsger = await enter(await newContext(), 'edsger');
await talk({ ada, edsger, grace });
await save(grace, 'web-phone');
await grace.click('#panel');
await save(grace, 'web-phone-shelf');
await ada.locator('#lines button', { hasText: 'Show' }).click();
await save(ada, 'web-room');
const lin = await enter(chinese, '林');
await shown(lin, 'coming, too?');
await say(lin, '講座也會放上來嗎？謝謝！');
await shown(lin, '謝謝');
await save(lin, 'web-phone-dark');
await closeBrowser();
