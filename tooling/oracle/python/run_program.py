"""Runs programs of the oracle on CPython's asyncio and prints their traces.

stdin: one program (JSON) a line; stdout: one {"trace": [...]} or {"error": "..."} a line, in the same order.
The language of the programs is described in ../src/program.ts; ../src/run-program.ts is the same interpreter on tsyncio.
Works on CPython 3.8 and 3.13. Time is virtual: a select() that would block advances the clock by its timeout instead.
"""

import asyncio
import contextvars
import gc
import json
import selectors
import sys
import traceback
import warnings

FUEL = 250
MAX_TASKS = 60
REAPS = (64.0, 128.0, 192.0)
END = 256.0


class UserError(Exception):
    def __init__(self, code):
        super().__init__(code)
        self.code = code


class VirtualSelector(selectors.SelectSelector):
    """Never waits: the time that a wait would take passes at once."""

    def __init__(self):
        super().__init__()
        self.now = 0.0
        self.polled = lambda: None

    def select(self, timeout=None):
        self.polled()
        if timeout is None:
            raise RuntimeError('the loop would wait for ever')
        if timeout > 0:
            self.now += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self, selector):
        self.virtual = selector
        super().__init__(selector)

    def time(self):
        return self.virtual.now


def kind(error):
    if isinstance(error, UserError):
        return 'E%d' % error.code
    if isinstance(error, asyncio.CancelledError):
        return 'Cancelled'
    if isinstance(error, asyncio.TimeoutError):
        return 'Timeout'
    name = type(error).__name__
    return name[:-5] if name.endswith('Error') else name


def show(value):
    if value is None:
        return '-'
    if value is True:
        return 'T'
    if value is False:
        return 'F'
    if isinstance(value, list):
        return '[' + ','.join(show(item) for item in value) + ']'
    if isinstance(value, BaseException):
        return kind(value)
    return str(value)


def status(future):
    if not future.done():
        return 'pending'
    return 'cancelled' if future.cancelled() else 'done'


def outcome(future):
    """What a finished future holds; looking at it counts as retrieving its exception."""
    if not future.done():
        return 'pending'
    if future.cancelled():
        return 'cancelled'
    error = future.exception()
    return '! ' + kind(error) if error is not None else '= ' + show(future.result())


def catches(what, error):
    if what is None:
        return False
    if what == 'all':
        return True
    if what == 'cancel':
        return isinstance(error, asyncio.CancelledError)
    if what == 'user':
        return isinstance(error, UserError)
    if what == 'timeout':
        return isinstance(error, asyncio.TimeoutError)
    return not isinstance(error, asyncio.CancelledError)


class Env:
    """One activation of a task's or callback's code: its label in the trace, and the task it began in."""

    __slots__ = ('label', 'task')

    def __init__(self, label):
        self.label = label
        self.task = None


class Return:
    __slots__ = ('value',)

    def __init__(self, value):
        self.value = value


class World:
    def __init__(self, program):
        self.program = program
        self.trace = []
        self.open = True
        self.fresh = False
        self.shown_time = 0.0
        self.fuel = FUEL
        self.slots = {}
        self.handles = {}
        self.variables = {}
        self.context_variables = {}
        self.done_callbacks = {}
        self.self_waits = set()
        self.tasks = {}
        self.task_count = 0
        self.callback_count = 0
        self.unretrieved = []
        self.finished = False
        selector = VirtualSelector()
        selector.polled = self.polled
        self.loop = VirtualLoop(selector)
        asyncio.set_event_loop(self.loop)
        self.loop.set_exception_handler(self.report)
        self.shared = {}
        for item in program['shared']:
            self.shared[item['name']] = self.make_shared(item)

    def make_shared(self, item):
        cls = getattr(asyncio, item['type'])
        if 'value' in item:
            return cls(item['value'])
        if 'maxsize' in item:
            return cls(item['maxsize'])
        if item.get('lock') is not None:
            return cls(self.shared[item['lock']])
        return cls()

    # -- trace

    def polled(self):
        self.fresh = True

    def line(self, text):
        if not self.open:
            return
        now = self.loop.time()
        if now != self.shown_time:
            self.shown_time = now
            self.trace.append('@' + (str(int(now)) if now == int(now) else repr(now).replace('e-0', 'e-')))
        self.trace.append(('*' if self.fresh else ' ') + text)
        self.fresh = False

    def emit(self, env, stmt, text):
        self.line('%s %d %s' % (env.label, stmt['id'], text))

    def report(self, loop, context):
        message = context.get('message', '')
        error = context.get('exception')
        if 'never retrieved' in message:
            owner = 'Task' if message.startswith('Task ') else 'Future'
            self.unretrieved.append('unretrieved %s %s' % (owner, kind(error)))
        elif 'destroyed but it is pending' not in message:
            what = 'callback' if message.startswith('Exception in callback') else message
            self.line('handler %s %s' % (what, kind(error) if error is not None else '-'))

    # -- tasks and callbacks

    def task_label(self):
        self.task_count += 1
        return 'T%d' % self.task_count

    async def body(self, env, index, top):
        """A coroutine of the program; `top` when it was started for a task or a library function rather than called."""
        if top:
            env.task = asyncio.current_task()
            self.tasks.setdefault(env.label, env.task)
        self.line('%s enter c%d' % (env.label, index))
        try:
            signal = await self.block(env, self.program['coros'][index]['body'])
        except GeneratorExit:
            raise
        except BaseException as error:
            self.line('%s leave c%d ! %s' % (env.label, index, kind(error)))
            raise
        value = None if signal is None else signal.value
        self.line('%s leave c%d = %s' % (env.label, index, show(value)))
        return value

    def callback(self, index):
        """A plain callback with a label of its own."""
        self.callback_count += 1
        env = Env('K%d' % self.callback_count)

        def run(*args):
            self.line('%s run k%d%s' % (env.label, index, ''.join(' ' + outcome(future) for future in args)))
            for stmt in self.program['callbacks'][index]:
                if self.simple(env, stmt) is not None:
                    break

        return env.label, run

    # -- awaitables

    def member(self, env, op):
        """The awaitable given to a library function; None when the slot is empty. Coroutine objects are not started yet."""
        if op['o'] == 'coro':
            return self.body(Env(self.task_label()), op['coro'], True)
        return self.awaitable(env, op)

    def members(self, env, ops):
        made = [self.member(env, op) for op in ops]
        return [item for item in made if item is not None]

    def gathered(self, env, ops):
        """Since 3.12 gather looks at futures that are done at once; in 3.8, and in tsyncio, an iteration later."""
        members = self.members(env, ops)
        if self.program['oracle'] == '3.8':
            return members
        return [item for item in members if not (asyncio.isfuture(item) and item.done())]

    def awaitable(self, env, op):
        o = op['o']
        if o == 'sleep':
            return asyncio.sleep(op['delay'], op['value']) if 'value' in op else asyncio.sleep(op['delay'])
        if o == 'yield':
            return asyncio.sleep(0)
        if o == 'slot':
            return self.slots.get(op['slot'])
        if o == 'self':
            # Once a task, and nobody waits for it afterwards: CPython's C code then keeps a mark on the task, so that the next
            # to wait for it gets "await wasn't used with future".
            task = asyncio.current_task()
            if task in self.self_waits:
                return None
            self.self_waits.add(task)
            self.slots = {slot: held for slot, held in self.slots.items() if held is not task}
            return task
        if o == 'coro':
            return self.body(env, op['coro'], False)
        if o in ('acquire', 'get', 'join'):
            return getattr(self.shared[op['obj']], o)()
        if o in ('eventwait', 'condwait'):
            return self.shared[op['obj']].wait()
        if o == 'put':
            return self.shared[op['obj']].put(op['value'])
        if o == 'condwaitfor':
            return self.shared[op['obj']].wait_for(lambda: self.variables.get(op['name'], 0) >= op['min'])
        if o == 'gather':
            return asyncio.gather(*self.gathered(env, op['members']), return_exceptions=op['ret'])
        if o == 'shield':
            inner = self.member(env, op['member'])
            return None if inner is None else asyncio.shield(inner)
        if o == 'waitfor':
            inner = self.member(env, op['member'])
            return None if inner is None else asyncio.wait_for(inner, op['timeout'])
        if o == 'wait':
            return self.wait(env, op)
        raise ValueError(o)

    def completing(self, env, ops):
        """CPython keeps the members in a set, so that the order of several that are done already is left to chance: one stays."""
        members = self.members(env, ops)
        done = [item for item in members if asyncio.isfuture(item) and item.done()]
        return done[:1] + [item for item in members if item not in done]

    def wait(self, env, op):
        first_exception = op['mode'] == 'FIRST_EXCEPTION'
        members = self.completing(env, op['members']) if first_exception else self.members(env, op['members'])
        if not members:
            return None

        async def run():
            done, _pending = await asyncio.wait(members, timeout=op['timeout'], return_when=op['mode'])
            return [item in done for item in members]

        return run()

    # -- statements

    async def block(self, env, stmts):
        for stmt in stmts:
            signal = await self.statement(env, stmt)
            if signal is not None:
                return signal
        return None

    async def statement(self, env, stmt):
        k = stmt['k']
        if k == 'await':
            if self.spend():
                await self.wait_on(env, stmt, stmt['op'])
            return None
        if k == 'with':
            return await self.with_block(env, stmt)
        if k == 'try':
            return await self.try_block(env, stmt)
        if k == 'repeat':
            for _ in range(stmt['n']):
                signal = await self.block(env, stmt['body'])
                if signal is not None:
                    return signal
            return None
        if k == 'if':
            if self.variables.get(stmt['name'], 0) >= stmt['min']:
                return await self.block(env, stmt['body'])
            return None
        if k == 'ascompleted':
            return await self.as_completed(env, stmt)
        return self.simple(env, stmt)

    def spend(self):
        self.fuel -= 1
        return self.fuel >= 0

    async def wait_on(self, env, stmt, op):
        try:
            target = self.awaitable(env, op)
            if target is None:
                self.emit(env, stmt, 'unbound')
                return
            value = await target
        except GeneratorExit:
            raise
        except BaseException as error:
            self.emit(env, stmt, '! ' + kind(error))
            raise
        self.emit(env, stmt, '= ' + show(value))

    async def with_block(self, env, stmt):
        if not self.spend():
            return None
        obj = self.shared[stmt['obj']]
        await self.wait_on(env, stmt, {'o': 'acquire', 'obj': stmt['obj']})
        try:
            signal = await self.block(env, stmt['body'])
        finally:
            if self.open:
                self.emit(env, stmt, 'release')
                obj.release()
        return signal

    async def try_block(self, env, stmt):
        signal = None
        failure = None
        try:
            signal = await self.block(env, stmt['body'])
        except GeneratorExit:
            raise
        except BaseException as error:
            failure = error
        if failure is not None and catches(stmt['on'], failure):
            caught = failure
            failure = None
            self.emit(env, stmt, 'caught ' + kind(caught))
            try:
                signal = await self.block(env, stmt['handler'])
                if signal is None and stmt['then'] == 'reraise':
                    failure = caught
                elif signal is None and stmt['then'] != 'swallow':
                    failure = UserError(stmt['then'])
            except GeneratorExit:
                raise
            except BaseException as error:
                failure = error
        last = await self.block(env, stmt['fin'])
        if last is not None:
            return last
        if failure is not None:
            raise failure
        return signal

    async def as_completed(self, env, stmt):
        if not self.spend():
            return None
        members = self.completing(env, stmt['members'])
        for item in asyncio.as_completed(members, timeout=stmt['timeout']):
            try:
                value = await item
            except GeneratorExit:
                raise
            except asyncio.CancelledError:
                self.emit(env, stmt, '! Cancelled')
                raise
            except Exception as error:
                self.emit(env, stmt, '! ' + kind(error))
            else:
                self.emit(env, stmt, '= ' + show(value))
            signal = await self.block(env, stmt['body'])
            if signal is not None:
                return signal
        return None

    def simple(self, env, stmt):
        """A statement that does not wait: the only ones in a callback. Gives a Return or None."""
        if not self.spend():
            return None
        k = stmt['k']
        if k == 'return':
            return Return(stmt['value'])
        if k == 'raise':
            raise UserError(stmt['code'])
        if k == 'raisecancel':
            raise asyncio.CancelledError()
        try:
            self.emit(env, stmt, self.perform(env, stmt, k))
        except GeneratorExit:
            raise
        except BaseException as error:
            self.emit(env, stmt, '! ' + kind(error))
        return None

    def perform(self, env, stmt, k):
        slot = stmt.get('slot')
        obj = self.shared[stmt['obj']] if 'obj' in stmt else None
        if k == 'log':
            return 'log'
        if k == 'cancelself':
            task = asyncio.current_task()
            return 'unbound' if task is None else 'cancel ' + show(task.cancel())
        if k == 'whoami':
            same = asyncio.current_task() is env.task
            return 'current %s of %d' % (show(same), len(asyncio.all_tasks()))
        if k == 'stop':
            self.loop.stop()
            return 'stop'
        if k == 'spawn' or k == 'spawnop':
            if len(self.tasks) >= MAX_TASKS:
                return 'full'
            label = self.task_label()
            if k == 'spawn':
                task = self.loop.create_task(self.body(Env(label), stmt['coro'], True))
            else:
                task = self.loop.create_task(self.awaitable(env, stmt['op']))
            self.tasks[label] = task
            self.slots[slot] = task
            return 'spawn ' + label
        if k == 'future':
            self.slots[slot] = self.loop.create_future()
            return 'future'
        if k == 'gatherfut':
            self.slots[slot] = asyncio.gather(*self.gathered(env, stmt['members']), return_exceptions=stmt['ret'])
            return 'gather'
        if k == 'shieldfut':
            inner = self.member(env, stmt['member'])
            if inner is None:
                return 'unbound'
            self.slots[slot] = asyncio.shield(inner)
            return 'shield'
        if k in ('soon', 'later', 'at'):
            label, run = self.callback(stmt['cb'])
            if k == 'soon':
                handle = self.loop.call_soon(run)
            elif k == 'later':
                handle = self.loop.call_later(stmt['delay'], run)
            else:
                handle = self.loop.call_at(self.loop.time() + stmt['delay'], run)
            self.handles[stmt['handle']] = handle
            return k + ' ' + label
        if k == 'unhandle':
            handle = self.handles.get(stmt['handle'])
            if handle is None:
                return 'unbound'
            before = handle.cancelled()
            handle.cancel()
            return 'unhandle %s %s' % (show(before), show(handle.cancelled()))
        if k == 'inc':
            self.variables[stmt['name']] = self.variables.get(stmt['name'], 0) + 1
            return 'inc %d' % self.variables[stmt['name']]
        if k in ('varset', 'varget'):
            variable = self.context_variables.setdefault(stmt['name'], contextvars.ContextVar(stmt['name']))
            if k == 'varget':
                return '= ' + show(variable.get(0))
            variable.set(stmt['value'])
            return 'set'
        if obj is not None:
            return self.perform_shared(obj, stmt, k)

        future = self.slots.get(slot)
        if future is None:
            return 'unbound'
        if k == 'cancel':
            return 'cancel ' + show(future.cancel())
        if k == 'peek':
            return status(future)
        if k == 'result':
            return '= ' + show(future.result())
        if k == 'set':
            future.set_result(stmt['value'])
            return 'set'
        if k == 'fail':
            future.set_exception(UserError(stmt['code']))
            return 'fail'
        key = (future, stmt['cb'])
        if k == 'done':
            label, run = self.done_callbacks.get(key) or self.callback(stmt['cb'])
            self.done_callbacks[key] = (label, run)
            future.add_done_callback(run)
            return 'done ' + label
        if k == 'undone':
            known = self.done_callbacks.get(key)
            return 'undone %d' % (0 if known is None else future.remove_done_callback(known[1]))
        raise ValueError(k)

    def perform_shared(self, obj, stmt, k):
        if k == 'release':
            obj.release()
            return 'release'
        if k == 'setevent':
            obj.set()
            return 'set'
        if k == 'clear':
            obj.clear()
            return 'clear'
        if k == 'notify':
            obj.notify(stmt['n'])
            return 'notify'
        if k == 'notifyall':
            obj.notify_all()
            return 'notify'
        if k == 'getnow':
            return '= ' + show(obj.get_nowait())
        if k == 'putnow':
            obj.put_nowait(stmt['value'])
            return 'put'
        if k == 'taskdone':
            obj.task_done()
            return 'task done'
        if k == 'state':
            if isinstance(obj, asyncio.Event):
                return show(obj.is_set())
            if isinstance(obj, asyncio.Queue):
                return '%d %s %s' % (obj.qsize(), show(obj.empty()), show(obj.full()))
            return show(obj.locked())
        raise ValueError(k)

    # -- the run

    def reap(self):
        """Cancels what has not ended by now, so that every program ends."""
        pending = [(label, task) for label, task in self.tasks.items() if not task.done()]
        if pending:
            self.line('reap ' + ' '.join(label for label, _task in pending))
        for _label, task in pending:
            task.cancel()

    def end(self):
        self.finished = True
        self.loop.stop()

    def run(self):
        for when in REAPS:
            self.loop.call_at(when, self.reap)
        self.loop.call_at(END, self.end)
        label = self.task_label()
        self.tasks[label] = self.loop.create_task(self.body(Env(label), 0, True))
        while True:
            self.loop.run_forever()
            if self.finished:
                break
            self.line('stopped')
        self.fresh = False
        self.shown_time = self.loop.time()
        for label, task in self.tasks.items():
            self.line('end %s %s' % (label, status(task)))
        for slot in sorted(slot for slot in self.slots if slot[0] in 'fg'):
            self.line('end %s %s' % (slot, status(self.slots[slot])))
        self.open = False
        self.loop.close()
        asyncio.set_event_loop(None)
        self.slots.clear()
        self.handles.clear()
        self.done_callbacks.clear()
        self.self_waits.clear()
        self.tasks.clear()
        self.shared.clear()
        del task  # the last one of the loop above
        gc.collect()
        self.trace.extend(' ' + text for text in sorted(self.unretrieved))
        return self.trace


def main():
    if not sys.version.startswith(sys.argv[1] + '.'):
        sys.exit('python3 is %s, not %s: set ORACLE_PYTHON_%s to its path' % (
            sys.version.split()[0], sys.argv[1], sys.argv[1].replace('.', '_')))
    warnings.simplefilter('ignore')
    sys.unraisablehook = lambda _args: None
    gc.disable()
    for text in sys.stdin:
        try:
            answer = {'trace': World(json.loads(text)).run()}
        except BaseException:
            answer = {'error': traceback.format_exc()}
        sys.stdout.write(json.dumps(answer, separators=(',', ':')) + '\n')
        sys.stdout.flush()


main()
