import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { root } from './app.js';

/**
 * A block of TypeScript in a page. A comment right before it may say more, unseen by readers:
 *
 *     <!-- snippet: declare const main: () => Promise<void>; -->   what the block takes for granted
 *     <!-- snippet run -->                                         it ends by itself: run it; a block of `text` that follows is its output
 *     <!-- snippet skip: why -->                                   not compiled
 */
export interface Snippet {
  /** `docs/tls.md:12` */
  readonly place: string;
  readonly page: string;
  readonly code: string;
  readonly prelude: string;
  readonly run: boolean;
  readonly skip: boolean;
  readonly output: string | null;
}

const block =
  /(?:<!-- snippet\b(?<comment>[^]*?)-->\s*)?^```ts\n(?<code>[^]*?)^```\n(?:\s*^```text\n(?<output>[^]*?)^```\n)?/gm;

export const pages = [
  'README.md',
  ...readdirSync(path.join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
  ...readdirSync(path.join(root, 'packages')).map((name) => `packages/${name}/README.md`),
];

export function snippetsOf(page: string): Snippet[] {
  const text = readFileSync(path.join(root, page), 'utf8');
  return [...text.matchAll(block)].map(({ index, groups = {} }) => {
    const { comment = '', code = '', output } = groups;
    const line = text.slice(0, text.indexOf('```ts', index)).split('\n').length;
    return {
      place: `${page}:${line}`,
      page,
      code,
      prelude: /^:([^]*)/.exec(comment)?.[1] ?? '',
      run: /^ run\b/.test(comment),
      skip: /^ skip\b/.test(comment),
      output: output ?? null,
    };
  });
}

/** What a block uses and does not import is the umbrella's; `loop` is the running loop. */
export function complete({ code, prelude }: Snippet, exported: ReadonlySet<string>): string {
  const text = `${prelude}\n${code}`;
  const imported = new Set([...text.matchAll(/import (?:type )?\{([^}]*)\}/g)].flatMap(([, list]) => namesIn(list!)));
  const declared = new Set([...text.matchAll(declaration)].map(([, name]) => name!));
  const used = namesIn(text);
  const loop = used.includes('loop') && !/\b(?:const|let) loop\b/.test(text) ? 'declare const loop: EventLoop;' : '';
  const missing = [...used, ...namesIn(loop)].filter(
    (name) => exported.has(name) && !imported.has(name) && !declared.has(name),
  );
  const imports = missing.length === 0 ? '' : `import { ${[...new Set(missing)].join(', ')} } from 'tsyncio';`;
  return `${imports} ${loop} ${prelude.replaceAll('\n', ' ')}\n${code}\nexport {};\n`;
}

const declaration =
  /(?:^|; )(?:export )?(?:declare )?(?:abstract )?(?:async )?(?:const|let|class|interface|type|function\*?) (\w+)/gm;

function namesIn(text: string): string[] {
  return text.replaceAll(/\/\/.*|'[^'\n]*'/g, '').match(/(?<![.\w])[A-Za-z_]\w*/g) ?? [];
}
