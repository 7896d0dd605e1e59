// Tests that other systems run and Windows does not, by file (below packages/) and title of a test or of a block around it, each with its reason.
// Without titles: the whole file. `within`: the title of a block around it.
'use strict';

const posix = 'it is of POSIX';
const linux = 'it is of Linux';
const unix = 'no Unix sockets';
const pipes = 'a selector has no pipes';
const signals = 'loops have no signal handlers';
const descriptors = 'no limit of descriptors';
const numbers = 'the number of a closed socket is not used again at once';
const reset = 'Wine forgets a reset when its select has told of it';
const broken = 'winsock says ECONNRESET';
const large = 'winsock takes a large send whole';

module.exports = [
  { files: /^core\/test\/signals\.test/, reason: signals },
  { files: /^core\/test\/signal-processes\.test/, reason: signals },
  {
    files:
      /^socket\/test\/(abi|address|datagrams|dns-python|interrupted|loading|messages|ownership|peers|poll-list|received-memory|socket)\.test/,
    reason: posix,
  },
  {
    files:
      /^selector-io\/test\/(epoll-selector|poll-selector|select-selector|model-selector|mirror|interrupted-selector|signals|process-io|own-selector|descriptors|many-descriptors|python-selector)\.test/,
    reason: posix,
  },
  { files: /^server\/test\/unix\.test/, reason: unix },
  { files: /^server\/test\/out-of-descriptors\.test/, reason: descriptors },
  { files: /^proactor-io\/test\/(?!iocp|.*win32)/, reason: linux },

  { files: /^(?!.*other-platform)/, titles: /unix|over a path/i, reason: unix },
  { files: /^(?!.*win32)/, titles: /pipe|fifo|terminal/i, reason: pipes },
  { files: /./, titles: /(out of|without a free|no|without) descriptors?( left| to spare)?/, reason: descriptors },
  { files: /^selector-io/, titles: /epoll|PollSelector|KqueueSelector/i, reason: 'no such selector' },
  {
    files: /^socket\/test\/descriptor-poll/,
    titles: /until disarmed|what may do anything/,
    reason: 'an event comes once',
  },
  { files: /^selector-io\/test\/readers/, titles: /regular file|beyond 1023/, reason: posix },
  {
    files: /^selector-io\/test\/readers/,
    titles: /closed and opened again in one iteration|closed while it was watched/,
    reason: numbers,
  },
  { files: /^selector-io\/test\/sock-rules/, titles: /use its number again|next one with its number/, reason: numbers },
  { files: /^selector-io\/test\/streams/, titles: /keeps no number|closes the socket once/, reason: numbers },
  { files: /^selector-io\/test\/(streams|sock-recv)/, titles: /a reset is/, reason: reset },
  { files: /^selector-io\/test\/streams/, titles: /is EPIPE/, reason: broken },
  { files: /^selector-io\/test\/sock-sendall/, titles: /the peer is gone|half closed/, reason: broken },
  {
    files: /^selector-io\/test\/sock-datagram/,
    titles: /who refuses is told|SOCK_SEQPACKET/,
    reason: 'Wine tells of no refusal',
  },
  { files: /^selector-io\/test\/connections/, titles: /WAKE-05 close releases every descriptor/, reason: posix },
  {
    files: /^server\/test\/create-server/,
    titles: /SERVER-05|SERVER-13|all listen or none/,
    reason: 'Wine has no such option',
  },
  { files: /^server\/test\/server/, titles: /SERVER-20/, reason: 'Wine ends them without a reset' },
  { files: /^server\/test\/peers/, titles: /its reset is an error/, reason: reset },
  { files: /^streams\/test/, titles: /after a reset|however the connection ends/, reason: reset },
  { files: /^streams\/test/, titles: /STREAM-20/, reason: large },
  { files: /^selector-io\/test\/sock-sendall/, titles: /SOCK-24|SOCK-10/, reason: large },
  { files: /^selector-io\/test\/sock-datagram/, titles: /must wait for room/, reason: unix },
  { files: /^selector-io\/test\/sock-connect/, titles: /wrong addresses/, reason: unix },
  { files: /^server\/test\/create-server/, titles: /SERVER-12/, reason: unix },
  { files: /^selector-io\/test\/every-selector/, titles: /5,000 times/, reason: posix },
  {
    files: /^selector-io\/test\/default-selector/,
    titles: /without native code/,
    reason: 'the report of Node takes too long',
  },
  { files: /^core\/test\/ports/, titles: /signal listener/, reason: signals },
  { files: /^policy\/test\/interrupt\.test/, reason: 'a signal from a program ends its target at once' },
  {
    files: /^transports-protocols\/test\/(reading|faults|ending)/,
    titles: /a reset (by|in)|has reset the connection|debug mode tells/,
    reason: reset,
  },
  {
    files: /^transports-protocols\/test\/(every-method|writing|flow-control)/,
    titles: /a slow peer|more pieces than|a peer that|FLOW-10|a reader that stops/,
    reason: large,
  },
  { files: /^transports-protocols\/test\/ending/, titles: /TRANSPORT-30|the view of the socket/, reason: unix },
  { files: /^transports-protocols\/test\/arguments/, titles: /TRSOCK-01|TRSOCK-02/, reason: unix },
  {
    files: /^transports-protocols\/test\/memory-io/,
    titles: /UDP: by address/,
    reason: 'a socket without a name is EINVAL',
  },
  {
    files: /^transports-protocols\/test\/datagram-batch/,
    titles: /at most 32/,
    reason: 'datagrams come one at a time',
  },
  {
    files: /^transports-protocols\/test\/datagram-batch/,
    titles: /keep theirs apart|is two places/,
    reason: 'Wine has 127.0.0.1 alone',
  },
  {
    files: /^transports-protocols\/test\/create-connection/,
    titles: /CONN-14|GaiError/,
    reason: 'winsock looks up otherwise',
  },
  { files: /^tsyncio\/test\/(custom-policy|proactor-event-loop|windows-policies)\.test/, reason: posix },
  { files: /^tsyncio\/test\/features/, titles: /subprocess|SignalHandler/, reason: posix },
  {
    files: /^transports-protocols\/test\/datagram\.test/,
    titles: /DGRAM-2[0-9]|queue|slow|buffer|full/i,
    reason: 'winsock takes datagrams without end',
  },
  {
    files: /^selector-io\/test\/sendfile(-interrupted|-peers)?\.test/,
    reason: 'there is no call that sends a file: it is read (sendfile-fallback)',
  },
  {
    files: /^selector-io\/test\/sendfile-fallback/,
    titles: /SENDFILE-07|SENDFILE-12|SENDFILE-10|the peer is gone/,
    reason: posix,
  },
  {
    files: /^server\/test\/every-call/,
    titles: /^sendfile$|^%s sendfile/,
    reason: 'reading a file takes more iterations than the test grants',
  },
  { files: /^transports-protocols\/test\/pipes/, titles: /in getBuffer|a FileHandle is closed/, reason: pipes },
  { files: /^transports-protocols\/test\/datagram\.test/, titles: /DGRAM-(09|13|15)/, reason: unix },
  { files: /^socket\/test\/dns\.test/, titles: /DNS-(01|03|06|07|13)/, reason: 'winsock looks up otherwise' },
  { files: /^transports-protocols\/test\/tls-transport/, titles: /that is reset/, reason: reset },
  { files: /^transports-protocols\/test\/sendfile/, titles: /resets the connection|connection refuses/, reason: reset },
  { files: /^executors\/test\/pools/, titles: /EXEC-03 an error arrives/, reason: 'paths begin with a drive' },
  { files: /^executors\/test\/worker-function/, titles: /found from anywhere/, reason: 'paths begin with a drive' },
  { files: /^executors\/test\/faults/, titles: /fails its own work/, reason: 'no process ends by a signal' },
  { files: /^transports-protocols\/test\/tls-sendfile\.test/, reason: large },
  { files: /^subprocess\/test\/(?!.*win32)/, reason: 'it is of POSIX: children of Windows have tests of their own' },
  {
    files: /^executors\/test\/faults/,
    titles: /dies while it is idle/,
    reason: 'Wine tells late that a process or thread has ended',
  },
  {
    files: /^tsyncio\/test\/umbrella/,
    titles: /POLICY-12|LOOP-RUN-23/,
    reason: 'the default is a ProactorEventLoop (windows-default.win32.test.ts)',
  },
  { files: /^tsyncio\/test\/closed-loop/, titles: /LOOP-CLOSE-06/, reason: 'the default loop has no readers' },
  {
    files: /^transports-protocols\/test\/watching/,
    within: /IocpProactor/,
    titles: /READER-08/,
    reason: 'the proactor has no readers',
  },
  {
    files: /^selector-io\/test\/streams/,
    within: /IocpProactor/,
    titles: /^large messages/,
    reason: 'receives of the proactor are 64 KiB at most',
  },
];
