import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { names, packed, readManifest, root } from './support/app.js';

// `changeset version` on a copy of the manifests: what a change to one package gives new versions to.

jest.setTimeout(60_000);

const copies: string[] = [];

afterAll(() => {
  for (const copy of copies) rmSync(copy, { recursive: true, force: true });
});

const folderOf = (name: string): string => path.relative(root, packed(name).source);

/** Plays a release; gives the packages with a new version, by name. */
function release(changes: Record<string, 'major' | 'minor' | 'patch'>, keepOpenOnes = false) {
  const copy = mkdtempSync(path.join(tmpdir(), 'tsyncio-release-'));
  copies.push(copy);
  for (const file of ['package.json', 'pnpm-workspace.yaml', '.prettierrc.json'])
    cpSync(path.join(root, file), path.join(copy, file));
  cpSync(path.join(root, '.changeset'), path.join(copy, '.changeset'), { recursive: true });
  if (!keepOpenOnes) {
    for (const file of readdirSync(path.join(copy, '.changeset')).filter((name) => name.endsWith('.md')))
      rmSync(path.join(copy, '.changeset', file));
  }
  for (const name of names) {
    mkdirSync(path.join(copy, folderOf(name)), { recursive: true });
    cpSync(path.join(packed(name).source, 'package.json'), path.join(copy, folderOf(name), 'package.json'));
  }
  const head = Object.entries(changes).map(([name, kind]) => `'${name}': ${kind}`);
  if (head.length > 0)
    writeFileSync(path.join(copy, '.changeset/one.md'), `---\n${head.join('\n')}\n---\n\nA change.\n`);
  const program = path.join(root, 'node_modules/@changesets/cli/bin.js');
  const r = spawnSync(process.execPath, [program, 'version'], {
    cwd: copy,
    encoding: 'utf8',
    env: { ...process.env, CI: 'true' },
  });
  if (r.status !== 0) throw new Error(r.stdout + r.stderr);
  const bumped: Record<string, string> = {};
  for (const name of names) {
    const { version } = readManifest(path.join(copy, folderOf(name)));
    if (version !== readManifest(packed(name).source).version) bumped[name] = version;
  }
  const changelog = (name: string): string => {
    const file = path.join(copy, folderOf(name), 'CHANGELOG.md');
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  };
  return { bumped, changelog };
}

const version = (name: string, kind: 'major' | 'minor' | 'patch'): string => {
  const [major, minor, patch] = readManifest(packed(name).source).version.split('.').map(Number) as [
    number,
    number,
    number,
  ];
  if (kind === 'major') return `${major + 1}.0.0`;
  return kind === 'minor' ? `${major}.${minor + 1}.0` : `${major}.${minor}.${patch + 1}`;
};

/** Those that name it in their dependencies, directly. */
const dependants = (name: string): string[] =>
  names.filter((other) => name in (readManifest(packed(other).source).dependencies ?? {}));

/** And those that depend on them in turn. */
function allDependants(name: string, into = new Set<string>()): Set<string> {
  for (const other of dependants(name)) {
    if (into.has(other)) continue;
    into.add(other);
    allDependants(other, into);
  }
  return into;
}

test('a fix of one package gives a version to it alone: its dependants take it by their range', () => {
  const { bumped, changelog } = release({ '@tsyncio/server': 'patch' });
  expect(bumped).toEqual({ '@tsyncio/server': version('@tsyncio/server', 'patch') });
  expect(changelog('@tsyncio/server')).toContain('A change.');
});

test.each(['@tsyncio/server', '@tsyncio/policy', '@tsyncio/socket', '@tsyncio/core'])(
  'a feature of %s gives versions to it and its dependants, and to nothing else',
  (name) => {
    const { bumped, changelog } = release({ [name]: 'minor' });
    expect(bumped[name]).toBe(version(name, 'minor'));
    const others = Object.keys(bumped).filter((other) => other !== name);
    expect(new Set(others)).toEqual(new Set(affected(name)));
    for (const other of others) {
      expect(bumped[other]).toBe(version(other, 'patch'));
      expect(changelog(other)).toContain('Updated dependencies');
      expect(changelog(other)).not.toContain('A change.');
    }
  },
);

/** Before 1.0 a minor leaves the range of every direct dependant; their own patches stay within the ranges of theirs. */
function affected(name: string): string[] {
  const direct = dependants(name);
  expect([...allDependants(name)]).toEqual(expect.arrayContaining(direct));
  return direct;
}

test('the changes that wait for a release can be released', () => {
  const { bumped } = release({}, true);
  expect(Object.keys(bumped).length).toBeGreaterThan(0);
});
