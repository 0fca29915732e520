// How files come onto the page: chosen, dropped or pasted.

import { $ } from './dom.js';

// A pasted picture has no name of its own.
function named(file) {
  const at = new Date().toISOString().slice(0, 19).replace(/\D/g, '');
  const name = file.name.replace(/^image(?=\.\w+$)/, `pasted-${at}`);
  return new File([file], name, file);
}

/** Calls `put` with the files, while they may be put on the shelf. */
export function listenToFiles(mayPut, put) {
  $('attach').onclick = $('put').onclick = () => $('files').click();
  $('files').onchange = () => {
    put([...$('files').files]);
    $('files').value = '';
  };
  const mark = (isOver) => document.body.classList.toggle('dropping', isOver);
  for (const type of ['dragover', 'drop']) addEventListener(type, (event) => {
    if (!event.dataTransfer?.types.includes('Files') || !mayPut()) return;
    event.preventDefault();
    mark(type === 'dragover');
    if (type === 'drop') put([...event.dataTransfer.files]);
  });
  addEventListener('dragleave', (event) => event.relatedTarget ?? mark(false));
  addEventListener('paste', (event) => {
    const pasted = [...(event.clipboardData?.files ?? [])];
    if (!pasted.length || !mayPut()) return;
    // Cells of a table come as a picture too. With a file, some systems give its name.
    const text = event.clipboardData.getData('text/plain').trim();
    if (text && !pasted.some((file) => text.includes(file.name))) return;
    event.preventDefault();
    put(pasted.map(named));
  });
}
