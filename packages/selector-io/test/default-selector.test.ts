import {
  DefaultSelector,
  EpollSelector,
  EVENT_READ,
  KqueueSelector,
  PollSelector,
  SelectSelector,
} from '@tsyncio/selector-io';
import { compilePackages, leakAudit, runProgram } from '@tsyncio/test-support';

import { selectorFor } from '../src/default-selector.js';
import { thrown } from './support/errors.js';

leakAudit();

test('SEL-36 the default is the best of the platform', () => {
  expect(DefaultSelector).toBe(selectorFor(process.platform));
  expect(selectorFor('darwin')).toBe(KqueueSelector);
  expect(selectorFor('freebsd')).toBe(KqueueSelector);
  expect(selectorFor('linux')).toBe(EpollSelector);
  expect(selectorFor('win32')).toBe(SelectSelector);
  for (const platform of ['sunos', 'aix', 'openbsd']) expect(selectorFor(platform)).toBe(PollSelector);
});

test('SEL-36 it is chosen, made and closed without native code', async () => {
  const packages = compilePackages('core', 'futures-tasks', 'socket', 'selector-io');
  const program = `
    import { DefaultSelector, EpollSelector, KqueueSelector, PollSelector, SelectSelector } from '@tsyncio/selector-io';
    const hasNativeCode = () => process.report.getReport().sharedObjects.some((name) => name.includes('koffi'));
    for (const Selector of [DefaultSelector, EpollSelector, KqueueSelector, PollSelector, SelectSelector]) {
      const selector = new Selector();
      console.log(selector.getMap().size, hasNativeCode());
      selector.close();
    }
    const used = new DefaultSelector();
    used.select(0);
    console.log(hasNativeCode());
    used.close();
  `;
  const { stdout, stderr } = await runProgram(program, { cwd: packages.folder });
  packages.remove();
  expect(stderr).toBe('');
  expect(stdout.trim().split('\n')).toEqual([...Array<string>(5).fill('0 false'), 'true']);
}, 60_000);

describe('on another platform', () => {
  const platform = Object.getOwnPropertyDescriptor(process, 'platform')!;
  afterEach(() => {
    Object.defineProperty(process, 'platform', platform);
  });

  test.each([
    ['darwin', EpollSelector, /no EpollSelector for darwin/],
    ['linux', KqueueSelector, /no KqueueSelector for linux: it needs kqueue\(2\), of macOS or FreeBSD/],
    ['win32', PollSelector, /no PollSelector for win32-\w+: it needs a POSIX system/],
  ] as const)('on %s, a selector that is not there says so at its first use', (name, Selector, message) => {
    Object.defineProperty(process, 'platform', { ...platform, value: name });
    const selector = new Selector();
    expect(thrown(() => selector.register(0, EVENT_READ)).message).toMatch(message);
    expect(thrown(() => selector.select(0)).message).toMatch(message);
    expect(selector.getMap()!.size).toBe(0);
    selector.close();
  });
});
