// Pictures of the page, of a room that it fills itself: node screenshots.js FOLDER

import { deflateSync } from 'node:zlib';

import { PHONE, URL_OF_PAGE, closeBrowser, enter, newContext, say, shown } from './harness.js';

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

async function fillRoom() {
  const context = await newContext();
  const ada = await enter(context, 'ada');
  const grace = await enter(context, '葛丽丝');
  await say(ada, '/topic Engines: what they can and cannot do');
  await say(ada, 'who has the notes?');
  await say(grace, 'I do! One moment …');
  await grace.setInputFiles('#files', [
    { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.alloc(6_900_000, 'note\n') },
    { name: 'difference engine.png', mimeType: 'image/png', buffer: picture(360, 160) },
  ]);
  await shown(ada, 'difference engine.png', '#shelf li');
  await shown(ada, 'notes.txt', '#shelf li');
  await say(ada, 'thank you');
  await say(ada, 'It says on https://example.org/engines that the second one was never built.');
  await say(grace, '/me looks it up');
  await say(grace, 'ada: right, only a part of it. 后来有人照原图造了一台。');
  await shown(ada, '照原图');
  await ada.locator('.row button', { hasText: 'Show' }).last().click();
  await say(grace, '/msg ada this one is for you alone');
  await shown(ada, 'for you alone');
  return { context, ada, grace };
}

async function take(room, name, options) {
  const context = await newContext(options);
  const page = await enter(context, name.startsWith('phone') ? 'lin' : 'mary');
  await shown(page, '照原图');
  await page.waitForTimeout(500);
  await page.screenshot({ path: `${folder}/${name}.png` });
  if (name.startsWith('phone')) {
    await page.click('#panel');
    await page.waitForTimeout(300);
    await page.screenshot({ path: `${folder}/${name}-shelf.png` });
  }
  await page.click('#menu summary');
  await page.click('#leave');
  await context.close();
}

const room = await fillRoom();
const wide = { width: 1280, height: 800 };
for (const colorScheme of ['light', 'dark']) {
  await room.ada.setViewportSize(wide);
  await room.ada.emulateMedia({ colorScheme });
  await room.ada.waitForTimeout(300);
  await room.ada.screenshot({ path: `${folder}/room-${colorScheme}.png` });
}
await take(room, 'phone', { ...PHONE, viewport: { width: 360, height: 640 } });
await take(room, 'phone-dark', {
  ...PHONE, viewport: { width: 360, height: 640 }, colorScheme: 'dark', locale: 'zh-TW',
});
await take(room, 'phone-keyboard', { ...PHONE, viewport: { width: 360, height: 320 } });
const door = await newContext({ viewport: wide });
const page = await door.newPage();
await page.goto(URL_OF_PAGE);
await page.screenshot({ path: `${folder}/door.png` });
await closeBrowser();
