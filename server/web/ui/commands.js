// What may be typed: a message, or one of these commands. Knows what each needs, not what it does.

import { t } from '../strings.js';

const COMMANDS = [
  ['help', '/help', '?'],
  ['me', '/me TEXT'],
  ['msg', '/msg NAME TEXT', 'tell'],
  ['nick', '/nick NAME'],
  ['topic', '/topic [TEXT|-]'],
  ['who', '/who', 'names'],
  ['upload', '/upload', 'put', 'send'],
  ['drop', '/drop ID|NAME', 'remove'],
  ['reconnect', '/reconnect'],
  ['clear', '/clear'],
  ['quit', '/quit', 'exit', 'leave'],
];

/** `{ name, args }`, with `args` as that command needs them, or `{ fault }`, a sentence. */
export function parse(line) {
  if (!line.startsWith('/') || line.startsWith('//')) {
    return { name: 'say', args: [line.startsWith('//') ? line.slice(1) : line] };
  }
  const [, word, rest] = line.match(/^\/(\S*)\s*(.*)$/s);
  const row = COMMANDS.find(([name, , ...also]) => [name, ...also].includes(word.toLowerCase()));
  if (!row) return { fault: t('noCommand', { name: `/${word}` }) };
  const [name, usage] = row;
  const args = name === 'msg' ? (rest.match(/^(\S+)\s+(.+)$/s)?.slice(1) ?? []) : [rest];
  const needs = / [A-Z]/.test(usage);
  if (needs && !args[0]) return { fault: t('usage', { usage }) };
  return { name, args };
}

/** How each is written, and what it does. */
export const helpLines = () => COMMANDS.map(([name, usage]) =>
  `${usage} — ${t(`help${name[0].toUpperCase()}${name.slice(1)}`)}`);

/** The word before the caret made whole, if it is the beginning of one of these names. */
export function complete(text, caret, members) {
  const [, before, word] = text.slice(0, caret).match(/^(.*?)([^\s@]+)$/s) ?? [];
  if (!word) return null;
  const found = members.find((nick) => nick.toLowerCase().startsWith(word.toLowerCase()));
  if (!found) return null;
  const whole = `${before}${found}${before ? ' ' : ': '}`;
  return { text: whole + text.slice(caret), caret: whole.length };
}
