// docs/PROTOCOL.md and the recorded sessions, as tests read them.

import { readFileSync, readdirSync } from 'node:fs';

const ROOT = new URL('../../../', import.meta.url);
const page = readFileSync(new URL('docs/PROTOCOL.md', ROOT), 'utf8');

const unhex = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
export const hex = (bytes) => Buffer.from(bytes).toString('hex');

/** The bytes of each example of the page, by its heading: `Hello`, `session client`, … */
export const examples = [...page.matchAll(/^```(hex|session) (\S+)\n(.*?)^```/gms)].map(
  ([, kind, name, text]) => {
    const digits = text.replace(/#.*$/gm, '').replace(/\s/g, '');
    return { name: kind === 'hex' ? name : `session ${name}`, bytes: unhex(digits) };
  },
);

/** The rows of the table that begins with these headings: their cells. */
export function table(...headings) {
  const head = `| ${headings.join(' | ')}`;
  const [, after] = page.split(head);
  const rows = after.split('\n').slice(2);
  const end = rows.findIndex((row) => !row.startsWith('|'));
  return rows.slice(0, end).map((row) => row.split('|').slice(1, -1).map((cell) => cell.trim()));
}

/** Bytes of a recording: words of hexadecimal digits, and `61*4096` for so many equal bytes. */
function recorded(words) {
  return words.flatMap((word) => {
    const [digits, times] = word.split('*');
    return Array(Number(times ?? 1)).fill([...unhex(digits)]).flat();
  });
}

/** Every recorded session: its name, and steps with `connection`, `mark`, `at`, `bytes`. */
export const recordings = readdirSync(new URL('common/tests/frozen/1/', ROOT)).map((name) => {
  const text = readFileSync(new URL(`common/tests/frozen/1/${name}`, ROOT), 'utf8');
  const lines = text.split('\n').filter((line) => line && !line.startsWith('#'));
  const steps = lines.map((line) => {
    const [connection, mark, at, ...words] = line.split(' ');
    const isFrame = mark === '<' || mark === '>';
    const bytes = isFrame ? Uint8Array.from(recorded(words)) : null;
    return { connection: Number(connection), mark, at: Number(at), bytes };
  });
  return { name, steps };
});
