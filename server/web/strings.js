// The texts of strings.txt, in one of their languages.

export const LANGUAGES = ['en', 'zh-Hans', 'zh-Hant'];
export let language = 'en';
let table = {};
export function setTexts(text) {
  const rows = text.match(/^[^#].* = .*$/gm).map((row) => row.split(' = '));
  table = Object.fromEntries(rows.map(([key, ...texts]) => [key, texts]));
}

/** The first of the browser's preferred languages that we have. */
export function languageOf(wanted) {
  const tag = wanted.find((it) => /^(en|zh)/i.test(it)) ?? 'en';
  if (/^en/i.test(tag)) return 'en';
  return /hant|tw|hk|mo/i.test(tag) ? 'zh-Hant' : 'zh-Hans';
}

export function setLanguage(wanted) { language = LANGUAGES.includes(wanted) ? wanted : 'en'; }
/** The text's pieces: strings, and the values of its `{x}` as they are. */
export function pieces(key, values = {}) {
  const text = table[key]?.[LANGUAGES.indexOf(language)] ?? table[key]?.[1] ?? key;
  const [one, many] = text.split('|');
  const parts = (many && String(values.n) !== '1' ? many : one).split(/\{(\w+)\}/);
  return parts.map((part, at) => (at % 2 ? values[part] : part)).filter((part) => part !== '');
}

export const t = (key, values) => pieces(key, values).join('');
export const hasText = (key) => key in table;
