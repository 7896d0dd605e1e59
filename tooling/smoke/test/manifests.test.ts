import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { names, packed, readManifest, root } from './support/app.js';

// What the registry and bundlers read of each package. publint and attw check the forms; here stands what we have decided.

const node = (JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { engines: { node: string } })
  .engines.node;

describe.each(names)('%s', (name) => {
  const { source } = packed(name);
  const manifest = readManifest(source);
  const siblings = Object.entries(manifest.dependencies ?? {}).filter(([other]) => names.includes(other));

  it('says where it comes from, what it is and for whom', () => {
    expect(manifest).toMatchObject({
      name,
      license: 'MIT',
      type: 'module',
      description: expect.stringMatching(/.{20}/),
      keywords: expect.arrayContaining([expect.any(String)]),
      engines: { node },
      files: ['dist'],
      repository: { directory: path.relative(root, source) },
      publishConfig: { access: 'public', provenance: true },
    });
  });

  it('is published without the source condition and otherwise as it is here', () => {
    const { exports } = manifest.publishConfig as { exports: Record<string, unknown> };
    const without = JSON.parse(
      JSON.stringify(manifest.exports, (key, value: unknown) => (key === '@tsyncio/source' ? undefined : value)),
    ) as unknown;
    expect(exports).toEqual(without);
    expect(exports).toHaveProperty(['./package.json'], './package.json');
  });

  it('has side effects only where it names the default policy', () => {
    const expected = name === 'tsyncio' ? ['./src/index.ts', './dist/index.js', './dist/index.cjs'] : false;
    expect(manifest.sideEffects).toEqual(expected);
  });

  it('takes its siblings by range: patches of the system calls, minors of all others', () => {
    for (const [other, range] of siblings) {
      expect([other, range]).toEqual([other, other === '@tsyncio/socket' ? 'workspace:~' : 'workspace:^']);
    }
  });

  it('runs nothing when it is installed', () => {
    for (const script of ['preinstall', 'install', 'postinstall', 'prepare']) {
      expect(manifest.scripts).not.toHaveProperty(script);
    }
  });

  it('has a licence and a README', () => {
    for (const file of ['LICENSE', 'README.md']) expect(existsSync(path.join(source, file))).toBe(true);
  });
});
