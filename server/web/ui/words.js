// What happened, as rows of the conversation and as sentences. Pure functions of events.

import { CODE } from '../protocol.js';
import { hasText, t } from '../strings.js';
import { UNSPACED, bdi, say, sizeText } from './dom.js';
import { deed } from './moderation.js';
import { itemLink, pictureButton } from './shelf.js';

const NAMES = Object.fromEntries(Object.entries(CODE).map(([name, code]) => [code, name]));
const about = (key, { nick, to, ...rest }) =>
  say(key, { nick: nick && bdi(nick), to: to && bdi(to), ...rest });
/** Why something was refused or ended, with its figure. */
export function reason({ code, limit, suggestion, retryMs, detail }) {
  const key = NAMES[code];
  let text = key && hasText(key) ? t(key) : t('code', { code });
  const isBytes = /^(FILE_TOO_LARGE|TOO_MUCH_UPLOADED|TOO_MUCH_SENT|TEXT_TOO_LONG)$/.test(key);
  if (limit !== undefined) text += t('limitIs', { limit: isBytes ? sizeText(limit) : limit });
  if (suggestion) text += t('isFree', { name: suggestion });
  if (retryMs !== undefined) text += t('retryIn', { s: Math.ceil(retryMs / 1000) });
  return detail ? `${text}: ${detail}` : text;
}

/** Why there is no connection, or no session any more. */
export function ending(why, wasJoined) {
  if (why.kind === 'goodbye') return t('goodbye', { why: reason(why.goodbye) });
  if (why.kind === 'nick') return reason(why);
  if (why.kind === 'link') return t(wasJoined ? 'lost' : 'noServer');
  return t({ left: 'youLeft', asked: 'connecting' }[why.kind] ?? why.kind, why);
}

const LETTER = '[\\p{Alphabetic}\\p{N}_]';
const isUnspaced = new RegExp(`^${UNSPACED}$`, 'u');
/** Whether a text has the nick as a word of its own. A word ends where a script without spaces
 * begins or ends, and between its letters, unless the nick is a single one of them. */
export function names(text, nick) {
  const letters = [...nick];
  const isLone = letters.length === 1 && isUnspaced.test(nick);
  const part = (edge) => isLone ? LETTER
    : `(?!${UNSPACED})${isUnspaced.test(edge) ? '[\\p{N}_]' : LETTER}`;
  const word = nick.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
  const before = `${part(letters[0])}|${LETTER}-`;
  const behind = `${part(letters.at(-1))}|-${LETTER}`;
  return new RegExp(`(?<!${before})${word}(?!${behind})`, 'iu').test(text);
}

const PARTS = {
  Joined: (event) => about('joined', event),
  Left(event) {
    const key = `left${NAMES[event.code]}`;
    const why = hasText(key) ? t(key) : reason({ code: event.code });
    return about(event.code === CODE.LEFT ? 'left' : 'leftWhy', { ...event, why });
  },
  Renamed: (event) => about('renamed', event),
  TopicChanged: (event) => event.topic === undefined ? about('topicCleared', event)
    : about('topicSet', { ...event, topic: bdi(event.topic) }),
  Shelved: ({ shelfItem: item }) => [
    ...about('shelved', { nick: item.nick, name: itemLink(item), size: sizeText(item.size) }),
    ' ', ...pictureButton(item),
  ],
  Dropped: (event) =>
    about(event.nick ? 'droppedBy' : 'dropped', { ...event, name: bdi(event.name) }),
  Forgotten: () => [t('forgotten')],
  Moderated: deed,
};

/** The row of an event; `null` for one that is not shown. */
export function rowOf(event, own) {
  const { frame, seq, nick, at, style } = event;
  if (frame === 'Said') {
    const [kind, isOwn] = [style === 1 ? 'action' : 'said', nick === own];
    // The server keeps the length of a redacted line.
    const text = event.text.trimEnd() === '[redacted]' ? t('redacted') : event.text;
    return { kind, seq, nick, text, at, isOwn, isMention: !isOwn && names(text, own) };
  }
  if (!(frame in PARTS) || event.quiet) return null;
  const kind = frame === 'Joined' || frame === 'Left' ? 'presence' : 'event';
  return { kind, parts: PARTS[frame](event), at };
}
