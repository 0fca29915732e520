// Loaded before the tests: under node, the page's own files come from the disk.

import { readFile } from 'node:fs/promises';

const { fetch } = globalThis;
globalThis.fetch = async (what, ...rest) =>
  String(what).startsWith('file:') ? new Response(await readFile(what)) : fetch(what, ...rest);
