/* global document, matchMedia */
// Diagrams of the site. Where the library cannot be fetched, the text of a diagram stays: it reads well enough.
(async () => {
  const blocks = [...document.querySelectorAll('code.mermaid')];
  if (blocks.length === 0) return;
  const { default: mermaid } = await import('https://cdn.jsdelivr.net/npm/mermaid@11.12.1/dist/mermaid.esm.min.mjs');
  const dark = matchMedia('(prefers-color-scheme: dark)').matches;
  mermaid.initialize({ startOnLoad: false, theme: dark ? 'dark' : 'neutral' });
  for (const code of blocks) {
    const figure = document.createElement('pre');
    figure.className = 'mermaid';
    figure.textContent = code.textContent.replace(/Copy$/, '');
    code.closest('pre').replaceWith(figure);
  }
  await mermaid.run();
})();
