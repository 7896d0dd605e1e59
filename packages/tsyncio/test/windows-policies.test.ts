import { WindowsProactorEventLoopPolicy, WindowsSelectorEventLoopPolicy } from 'tsyncio';

test.each([
  [WindowsProactorEventLoopPolicy, 'ProactorEventLoop'],
  [WindowsSelectorEventLoopPolicy, 'SelectorEventLoop'],
])(
  'IOCP-01 the policy of Windows cannot be made where there is no Windows; the error says what can: %#',
  (Policy, loop) => {
    const instead = `run(main, { loopFactory: () => new ${loop}() })`;
    expect(() => new Policy()).toThrow(
      expect.objectContaining({
        name: 'NotImplementedError',
        message: `${Policy.name} is for Windows; on ${process.platform}: ${instead}`,
      }) as Error,
    );
  },
);
