// What may be typed: a message, or one of these commands. Knows what each needs, not what it does.

import { textFault } from '../protocol.js';
import { t } from '../strings.js';
import { looksLikeAddress, secondsOf, whomOf } from './moderation.js';
import { reason } from './words.js';

// Name, usage, the kinds of text that follow the name, and other names.
const COMMANDS = [
  ['help', '/help', /^/, '?'],
  ['me', '/me TEXT', /^(?<message>.+)$/s],
  ['msg', '/msg NAME TEXT', /^(?<nick>\S+)\s+(?<message>.+)$/s, 'tell'],
  ['nick', '/nick NAME', /^(?<nick>.+)$/s],
  ['topic', '/topic [TEXT|-]', /^(?<topic>.*)$/s],
  ['who', '/who', /^/, 'names'],
  ['upload', '/upload', /^/, 'put', 'send'],
  ['drop', '/drop ID|NAME', /^(?<item>.+)$/s, 'remove'],
  ['reconnect', '/reconnect', /^/],
  ['clear', '/clear', /^/],
  ['quit', '/quit', /^/, 'exit', 'leave'],
  ['op', '/op', /^/],
  ['kick', '/kick NAME [REASON]', /^(?<nick>\S+)\s*(?<note>.*)$/],
  ['ban', '/ban NAME|ADDRESS [TIME] [REASON]',
    /^(?<whom>\S+)(\s+(?<time>[-+\u2212.,]*([Pp][Tt]*)?\p{N}\S*))?\s*(?<note>.*)$/u],
  ['unban', '/unban NUMBER', /^#?(?<number>\d{1,18})$/],
  ['bans', '/bans', /^/],
  ['redact', '/redact NAME [N]', /^(#(?<line>\d{1,18})|(?<nick>\S+)\s*(?<nth>[1-9]\d*)?)$/],
  ['lock', '/lock topic', /^topic$/],
  ['unlock', '/unlock topic', /^topic$/],
];

function faultOf([kind, text]) {
  if (kind === 'time' && text && !secondsOf(text)) return t('badTime', { word: text });
  if (kind === 'whom') {
    const fault = faultOf(['nick', whomOf(text).to]);
    return fault && looksLikeAddress(text) ? t('badAddress', { whom: text }) : fault;
  }
  const isText = ['nick', 'message', 'topic', 'note'].includes(kind);
  const fault = text && isText ? textFault(kind, text) : null;
  return fault && (kind === 'nick' ? t('badName') : reason(fault));
}

/** `{ name, args }`, with `args` by their kind, or `{ fault }`, a sentence. */
export function parse(line) {
  const isCommand = line.startsWith('/') && !line.startsWith('//');
  const said = ['say', '', /^(?<message>.*)$/s];
  const [, word, rest] = line.match(isCommand ? /^\/(\S*)\s*(.*)$/s : /^(\/?)(.*)$/s);
  const isIt = ([name, , , ...also]) => [name, ...also].includes(word.toLowerCase());
  const [name, usage, pattern] = (isCommand ? COMMANDS.find(isIt) : said) ?? [];
  if (!name) return { fault: t('noCommand', { name: `/${word}` }) };
  const found = rest.match(pattern);
  if (!found) return { fault: t('usage', { usage }) };
  const args = { ...found.groups };
  const fault = Object.entries(args).map(faultOf).find(Boolean);
  return fault ? { fault } : { name, args };
}

export const helpLines = () => COMMANDS.map(([name, usage]) =>
  `${usage} — ${t(`help${name[0].toUpperCase()}${name.slice(1)}`)}`);
/** The word before the caret completed, if a command or one of these names begins with it. */
export function complete(text, caret, members) {
  const [, before, word] = text.slice(0, caret).match(/^(.*?)([^\s@]+)$/s) ?? [];
  if (!word) return null;
  const isCommand = !before && word.startsWith('/');
  const names = /^\/(un)?lock $/.test(before) ? ['topic'] : members;
  const all = isCommand ? COMMANDS.map(([name]) => `/${name}`) : names;
  const found = all.find((name) => name.toLowerCase().startsWith(word.toLowerCase()));
  if (!found) return null;
  const whole = `${before}${found}${before || isCommand ? ' ' : ': '}`;
  return { text: whole + text.slice(caret), caret: whole.length };
}
