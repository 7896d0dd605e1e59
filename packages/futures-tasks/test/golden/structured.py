"""Programs with timeouts, task groups, barriers and queues that end; prints the traces that CPython leaves.

Each has its twin in ../structured.test.ts. Time is virtual. To record again, from this folder:

    PYENV_VERSION=3.13.0 python3 structured.py > structured.json
"""
import asyncio, json, selectors, sys
from asyncio import CancelledError, sleep, current_task, timeout, timeout_at, TaskGroup, Barrier, BrokenBarrierError, Queue, QueueShutDown

class Sel:
    def __init__(s, inner): s.inner=inner; s.loop=None
    def select(s, t):
        s.loop.iteration += 1
        s.inner.select(0)
        if t is None: raise Exception('for ever')
        s.loop.vt += t
        s.loop.vt = round(s.loop.vt, 6)
        return []
    def __getattr__(s, n): return getattr(s.inner, n)
class VLoop(asyncio.SelectorEventLoop):
    def __init__(self):
        self.vt = 0; self.iteration = 0
        sel = Sel(selectors.DefaultSelector()); 
        super().__init__(sel); sel.loop = self
        self._clock_resolution = 1e-9
    def time(self): return self.vt
    def create_task(self, coro, **options):
        # As since 3.14: the factory is told the name before the task begins.
        factory = self.get_task_factory()
        return factory(self, coro, **options) if factory else super().create_task(coro, **options)

lines=[]; last=[None,0]
def log(text):
    loop = asyncio.get_running_loop()
    mark = ''
    if loop.time()!=last[1]:
        last[1]=loop.time(); lines.append('@%g'%loop.time())
    if loop.iteration!=last[0]:
        last[0]=loop.iteration; mark='*'
    lines.append(mark+text)
def name(e):
    if isinstance(e, BaseExceptionGroup): return 'Group(%s)'%', '.join(name(x) for x in e.exceptions)
    return type(e).__name__
class RangeError(Exception): pass
class SyntaxErr(Exception): pass
async def logged(label, coro_fn):
    try:
        v = await coro_fn()
        log('%s = %s'%(label, 'none' if v is None else v)); return v
    except BaseException as e:
        log('%s ! %s'%(label, name(e)))
async def work(label, seconds, cleanup=0, error=None, end='raise'):
    log('%s begins'%label)
    try:
        await sleep(seconds)
        log('%s ends'%label)
        if error: raise error()
        return label
    except CancelledError:
        log('%s cancelled'%label)
        if cleanup: 
            await sleep(cleanup); log('%s cleaned'%label)
        if end=='raise': raise
        if end=='error': raise SyntaxErr()
        return 'swallowed'
def counts(): return str(current_task().cancelling())
def ctask(c, name=None): return asyncio.get_running_loop().create_task(c, name=name)

S={}
def scenario(f): S[f.__name__]=f; return f

async def to(delay, body):
    async with timeout(delay) as t:
        return await body(t)
class InOrder(dict):
    # CPython keeps the tasks of a group in a set, whose order is that of addresses.
    def add(self, x): self[x] = True
    def discard(self, x): self.pop(x, None)
async def tg(body):
    async with TaskGroup() as g:
        g._tasks = InOrder()
        return await body(g)

@scenario
async def expires():
    async def body(t):
        try: await sleep(10)
        except CancelledError:
            log('in body '+counts()+' '+str(t.expired()).lower())
            raise
    await logged('timeout', lambda: to(1, body))
    log('after '+counts())
@scenario
async def in_time():
    async def body(t): await sleep(1); return 'value'
    await logged('timeout', lambda: to(2, body))
    await sleep(5); log('end '+counts())
@scenario
async def nested_same_deadline():
    async def main():
        async def inner(t): await work('body', 10, 1)
        async def outer(t): await logged2('inner', lambda: to(1, inner))
        await logged('outer', lambda: to(1, outer))
        log('after '+counts())
    await main()
async def logged2(label, fn):
    try:
        v = await fn(); log('%s = %s'%(label, 'none' if v is None else v)); return v
    except BaseException as e:
        log('%s ! %s'%(label, name(e))); raise
@scenario
async def outer_expires_in_cleanup_of_inner():
    async def inner(t): await work('body', 10, 3)
    async def outer(t): await logged2('inner', lambda: to(1, inner))
    await logged('outer', lambda: to(2, outer))
    log('after '+counts())
@scenario
async def inner_expires_in_cleanup_of_outer():
    async def inner(t): await work('body', 10, 3)
    async def outer(t): await logged2('inner', lambda: to(2, inner))
    await logged('outer', lambda: to(1, outer))
    log('after '+counts())
@scenario
async def inner_timeout_caught_then_outer():
    async def inner(t): await sleep(10)
    async def outer(t):
        await logged('inner', lambda: to(1, inner))
        log('between '+counts())
        await sleep(10)
    await logged('outer', lambda: to(2, outer))
    log('after '+counts())
@scenario
async def cancelled_before_expiry():
    async def child():
        async def body(t): await work('body', 10)
        try: await logged2('timeout', lambda: to(1, body))
        finally: log('counts '+counts())
    task = ctask(child())
    asyncio.get_running_loop().call_at(0.5, task.cancel)
    await logged('task', lambda: task)
@scenario
async def cancelled_with_expiry():
    loop = asyncio.get_running_loop()
    async def child():
        async def body(t):
            loop.call_at(t.when(), lambda: (log('cancel'), task.cancel()))
            await work('body', 10)
        try: await logged2('timeout', lambda: to(1, body))
        finally: log('counts '+counts())
    task = ctask(child())
    await logged('task', lambda: task)
@scenario
async def cancelled_just_before_expiry():
    loop = asyncio.get_running_loop()
    async def child():
        async def body(t):
            t.reschedule(loop.time()+1)
            await work('body', 10)
        try: await logged2('timeout', lambda: to(None, body))
        finally: log('counts '+counts())
    task = ctask(child())
    await sleep(0)
    loop.call_later(1, task.cancel)
    await logged('task', lambda: task)
@scenario
async def swallowed():
    async def body(t): return await work('body', 10, 0, None, 'swallow')
    await logged('timeout', lambda: to(1, body))
    log('after '+counts())
    await sleep(1); log('slept')
@scenario
async def swallowed_and_waits_on():
    async def body(t):
        r = await work('body', 10, 0, None, 'swallow')
        log('counts '+counts())
        await sleep(1); log('on')
        try: t.reschedule(100)
        except RuntimeError as e: log('refused')
        return r
    await logged('timeout', lambda: to(1, body))
    log('after '+counts())
@scenario
async def other_error():
    async def body(t): return await work('body', 10, 1, None, 'error')
    await logged('timeout', lambda: to(1, body))
    log('after '+counts())
@scenario
async def no_time():
    for d in (0,-1):
        async def body(t):
            log('begins'); await sleep(0); log('passed'); await sleep(0); log('passed again'); await sleep(1)
        await logged('timeout', lambda: to(d, body))
    async def quick(t): return 'quick'
    await logged('timeout', lambda: to(0, quick))
    await sleep(0); log('after '+counts())
@scenario
async def rescheduled():
    loop=asyncio.get_running_loop()
    async def body(t):
        log('when %g'%t.when()); t.reschedule(loop.time()+3); log('when %g'%t.when()); await sleep(2); log('still')
        t.reschedule(loop.time()-1); log('past'); await sleep(0); log('one'); await sleep(0); log('two')
    await logged('timeout', lambda: to(1, body))
@scenario
async def deadline_taken_away():
    async def body(t):
        t.reschedule(None); await sleep(5); return 'late'
    await logged('timeout', lambda: to(1, body))
@scenario
async def user_uncancels():
    async def body(t):
        try: await sleep(10)
        except CancelledError:
            log('%d left'%current_task().uncancel()); log('%d left'%current_task().uncancel())
        await sleep(1); return 'went on'
    await logged('timeout', lambda: to(1, body))
    log('after '+counts())
@scenario
async def user_uncancels_outer():
    async def inner(t):
        try: await sleep(10)
        except CancelledError: log('%d left'%current_task().uncancel())
        await sleep(10)
    async def outer(t):
        await logged2('inner', lambda: to(3, inner))
    await logged('outer', lambda: to(1, outer)); log('after '+counts())
@scenario
async def cancellation_due_at_entry():
    async def body(t): await work('body', 10)
    async def child():
        for delay in (0, 1):
            current_task().cancel()
            await logged('timeout', lambda: to(delay, body)); log('counts '+counts())
        current_task().cancel()
        async def group(g): g.create_task(work('a', 5)); await work('b', 5)
        await logged('group', lambda: tg(group)); log('counts '+counts())
    t=ctask(child()); await logged('task', lambda: t)
@scenario
async def own_timeout_inside():
    # a user's own deadline, by cancel and uncancel
    loop=asyncio.get_running_loop()
    async def mine(delay, fn):
        task=current_task(); before=task.cancelling(); fired=[]
        h=loop.call_later(delay, lambda: (fired.append(1), task.cancel()))
        try: return await fn()
        except CancelledError:
            if fired and task.uncancel()<=before: return 'my deadline'
            raise
        finally: h.cancel()
    for (a,b) in ((1,2),(2,1),(1,1)):
        async def body(t): return await logged2('mine', lambda: mine(b, lambda: sleep(10)))
        await logged('timeout', lambda: to(a, body))
        log('after '+counts())
@scenario
async def all_well():
    async def body(g):
        a=g.create_task(work('a',2)); b=g.create_task(work('b',1)); log('body ends'); return 'value'
    await logged('group', lambda: tg(body))
    log('after '+counts())
@scenario
async def empty_group():
    async def body(g): return 'value'
    await logged('group', lambda: tg(body)); 
    async def bad(g): raise RangeError()
    await logged('group', lambda: tg(bad))
@scenario
async def child_fails():
    async def body(g):
        for l,c in (('a',0),('b',2)): g.create_task(work(l,10,c))
        g.create_task(work('c',1,0,RangeError))
        try: await sleep(10)
        except CancelledError: log('body cancelled '+counts()); raise
    await logged('group', lambda: tg(body))
    log('after '+counts()); await sleep(1); log('slept')
@scenario
async def child_fails_while_leaving():
    async def body(g):
        g.create_task(work('a',10,1)); g.create_task(work('c',1,0,RangeError)); log('body ends')
    await logged('group', lambda: tg(body))
    log('after '+counts()); await sleep(1); log('slept')
@scenario
async def last_child_fails():
    async def body(g): g.create_task(work('c',1,0,RangeError))
    await logged('group', lambda: tg(body))
    log('after '+counts()); await sleep(0); log('slept')
@scenario
async def body_fails():
    async def body(g):
        g.create_task(work('a',10,1)); await sleep(1); raise RangeError()
    await logged('group', lambda: tg(body)); log('after '+counts())
@scenario
async def errors_of_cleanup():
    async def body(g):
        g.create_task(work('a',10,1,None,'error')); g.create_task(work('b',10,2,None,'error')); g.create_task(work('c',10,2,None,'swallow'))
        await sleep(1); raise RangeError()
    await logged('group', lambda: tg(body)); log('after '+counts())
@scenario
async def two_fail_at_once():
    async def body(g):
        g.create_task(work('a',1,0,RangeError)); g.create_task(work('b',1,0,SyntaxErr)); g.create_task(work('c',5))
        await work('body', 10, 1)
    await logged('group', lambda: tg(body)); log('after '+counts())
@scenario
async def body_swallows():
    async def body(g):
        g.create_task(work('a',1,0,RangeError))
        await work('body', 10, 0, None, 'swallow')
        c = work('late',1)
        try: g.create_task(c)
        except RuntimeError: log('refused'); c.close()
        await sleep(2); log('went on'); return 1
    await logged('group', lambda: tg(body)); log('after '+counts())
async def group_cancelled(body, when):
    async def child():
        try: await logged2('group', lambda: tg(body))
        except Exception: pass
        finally: log('counts '+counts())
        await logged2('sleep', lambda: sleep(1, 'slept'))
    task=ctask(child()); asyncio.get_running_loop().call_at(when, task.cancel)
    await logged('task', lambda: task)
@scenario
async def group_cancelled_in_body():
    async def body(g): g.create_task(work('a',10,1)); await work('body',10)
    await group_cancelled(body, 1)
@scenario
async def group_cancelled_while_leaving():
    async def body(g): g.create_task(work('a',10,1)); g.create_task(work('b',10))
    await group_cancelled(body, 1)
@scenario
async def group_cancelled_and_child_errors():
    async def body(g): g.create_task(work('a',10,1,None,'error')); await work('body',10)
    await group_cancelled(body, 1)
@scenario
async def group_cancelled_after_failure():
    async def body(g): g.create_task(work('a',10,2)); g.create_task(work('b',1,0,RangeError)); await work('body',10)
    await group_cancelled(body, 2)
@scenario
async def group_cancelled_body_swallows():
    async def body(g): g.create_task(work('a',10,1)); await work('body',10,0,None,'swallow')
    await group_cancelled(body, 1)
@scenario
async def child_cancelled_alone():
    async def body(g):
        a=g.create_task(work('a',10)); g.create_task(work('b',2)); await sleep(1); a.cancel(); return 'fine'
    await logged('group', lambda: tg(body)); log('after '+counts())
@scenario
async def nested_groups():
    async def inner(g): g.create_task(work('x',1,0,RangeError)); await work('inner body',10)
    async def body(g):
        g.create_task(work('a',10,1))
        await logged2('inner', lambda: tg(inner))
    await logged('outer', lambda: tg(body)); log('after '+counts())
@scenario
async def outer_fails_in_inner():
    async def inner(g): g.create_task(work('x',10,1)); await work('inner body',10)
    async def body(g):
        g.create_task(work('a',1,0,RangeError))
        await logged2('inner', lambda: tg(inner))
    await logged('outer', lambda: tg(body)); log('after '+counts())
@scenario
async def outer_fails_inner_errors():
    async def inner(g): g.create_task(work('x',10,1,None,'error')); await work('inner body',10)
    async def body(g):
        g.create_task(work('a',1,0,RangeError))
        try: await logged2('inner', lambda: tg(inner))
        except Exception: pass
        log('counts '+counts())
        await logged2('next', lambda: sleep(1,'slept'))
    await logged('outer', lambda: tg(body)); log('after '+counts())
@scenario
async def group_in_timeout():
    async def g1(g): g.create_task(work('a',10,1)); await work('body',10)
    async def body(t): await logged2('group', lambda: tg(g1))
    await logged('timeout', lambda: to(1, body)); log('after '+counts())
@scenario
async def group_in_timeout_errors():
    async def g1(g): g.create_task(work('a',10,1,None,'error')); await work('body',10)
    async def body(t):
        try: await logged2('group', lambda: tg(g1))
        except Exception: pass
        log('counts '+counts())
        await logged2('next', lambda: sleep(1,'slept'))
    await logged('timeout', lambda: to(1, body)); log('after '+counts())
@scenario
async def group_in_timeout_errors_pass():
    async def g1(g): g.create_task(work('a',10,1,None,'error')); await work('body',10)
    async def body(t): await logged2('group', lambda: tg(g1))
    await logged('timeout', lambda: to(1, body)); log('after '+counts()); await sleep(0); log('slept')
@scenario
async def timeout_in_group():
    async def tb(t): await sleep(10)
    async def body(g):
        g.create_task(work('a',10)); await to(1, tb)
    await logged('group', lambda: tg(body)); log('after '+counts())
@scenario
async def timeout_in_child():
    async def tb(t): await sleep(10)
    async def body(g):
        g.create_task(to(1, tb)); g.create_task(work('a',3)); await work('body',3)
    await logged('group', lambda: tg(body)); log('after '+counts())
@scenario
async def children_make_children():
    async def body(g):
        async def parent(n):
            log('p%d'%n); await sleep(1)
            if n<3: g.create_task(parent(n+1))
        g.create_task(parent(0)); log('body ends')
    await logged('group', lambda: tg(body))
@scenario
async def finished_group():
    held=[]
    async def body(g): held.append(g)
    await logged('group', lambda: tg(body))
    c=work('late',1)
    try: held[0].create_task(c)
    except RuntimeError: log('refused')
@scenario
async def barrier_rounds():
    b=Barrier(2)
    async def one(n):
        for r in range(2):
            log('%s waits %d'%(n,b.n_waiting)); i=await b.wait(); log('%s passes %d %d'%(n,i,b.n_waiting))
    await asyncio.gather(*[one(n) for n in 'abcd'])
    log(str(b).split('[')[1].rstrip(']>'))
async def bw(b,n):
    await logged(n, b.wait)
@scenario
async def barrier_aborted():
    b=Barrier(3)
    ts=[ctask(bw(b,n)) for n in 'ab']; await sleep(0)
    await b.abort(); log('aborted %s'%str(b.broken).lower()); await asyncio.wait(ts); await bw(b,'late')
    await b.reset(); log('reset %s'%str(b.broken).lower()); ts=[ctask(bw(b,n)) for n in 'abc']; await asyncio.wait(ts)
@scenario
async def barrier_reset():
    b=Barrier(3)
    ts=[ctask(bw(b,n)) for n in 'ab']; await sleep(0); log('waiting %d'%b.n_waiting)
    ts+=[ctask(b.reset())]; ts+=[ctask(bw(b,n)) for n in 'cde']; await asyncio.wait(ts); log('waiting %d'%b.n_waiting)
@scenario
async def barrier_cancelled():
    b=Barrier(2)
    a=ctask(bw(b,'a')); await sleep(0); a.cancel(); await sleep(0); await sleep(0); log('waiting %d'%b.n_waiting)
    await asyncio.wait([ctask(bw(b,n)) for n in 'cd'])
@scenario
async def barrier_of_one():
    b=Barrier(1)
    await bw(b,'a'); await bw(b,'a')
@scenario
async def queue_ends():
    q=Queue(1)
    ts=[ctask(logged('get%d'%i, q.get)) for i in range(3)]
    await sleep(0); q.put_nowait(1); q.shutdown(); log('shut'); await asyncio.wait(ts)
    q=Queue(1); q.put_nowait(1)
    ts=[ctask(logged('put%d'%i, lambda: q.put(2))) for i in range(2)]
    await sleep(0); q.shutdown(); log('shut'); await asyncio.wait(ts)
    await logged('get', q.get); await logged('get', q.get); await logged('put', lambda: q.put(1))
    for f in (lambda: q.get_nowait(), lambda: q.put_nowait(1)):
        try: f()
        except Exception as e: log(name(e))
@scenario
async def queue_ends_at_once():
    q=Queue()
    for i in range(3): q.put_nowait(i)
    await q.get()
    ts=[ctask(logged('join', q.join)), ctask(logged('get', q.get))]
    q.shutdown(immediate=True); log('shut %d'%q.qsize()); await sleep(0); await sleep(0); log('done'); q.task_done(); await asyncio.wait(ts)
    await logged('get', q.get)
@scenario
async def queue_ends_after_join():
    q=Queue(2)
    q.put_nowait(1); q.put_nowait(2)
    j=ctask(logged('join', q.join)); p=ctask(logged('put', lambda: q.put(3))); await sleep(0)
    q.shutdown(); q.shutdown(immediate=True); log('shut'); await asyncio.wait([j,p])

async def eager_step(label, waits=1, error=None):
    log('%s begins in %s'%(label, current_task().get_name()))
    for i in range(waits):
        await sleep(0); log('%s goes on'%label)
    if error: raise error()
    return label
@scenario
async def eager_waits():
    loop=asyncio.get_running_loop(); loop.set_task_factory(asyncio.eager_task_factory); current_task().set_name('main')
    loop.call_soon(lambda: log('queued before'))
    log('before'); t=ctask(eager_step('a', 2), 'eager'); log('after in %s %s'%(current_task().get_name(), str(t.done()).lower()))
    u=ctask(eager_step('b', 1), 'second'); log('tasks %d'%len(asyncio.all_tasks()))
    await logged('a', lambda: t); await logged('b', lambda: u)
@scenario
async def eager_fails_later():
    loop=asyncio.get_running_loop(); loop.set_task_factory(asyncio.eager_task_factory)
    t=ctask(eager_step('a', 1, RangeError), 'eager'); log('made'); await logged('a', lambda: t)
@scenario
async def eager_cancelled():
    loop=asyncio.get_running_loop(); loop.set_task_factory(asyncio.eager_task_factory)
    t=ctask(work('a', 10)); t.cancel(); log('asked'); await logged('a', lambda: t)
@scenario
async def eager_cancels_itself():
    loop=asyncio.get_running_loop(); loop.set_task_factory(asyncio.eager_task_factory)
    async def suicide():
        current_task().cancel(); log('asked'); await work('a', 10)
    t=ctask(suicide()); log('made'); await logged('a', lambda: t)
@scenario
async def eager_in_eager():
    loop=asyncio.get_running_loop(); loop.set_task_factory(asyncio.eager_task_factory)
    async def outer():
        log('outer'); t=ctask(eager_step('inner', 1), 'i'); log('outer on in %s'%current_task().get_name()); await logged('inner', lambda: t)
    t=ctask(outer(), 'o'); log('main'); await logged('outer', lambda: t)
@scenario
async def eager_group():
    loop=asyncio.get_running_loop(); loop.set_task_factory(asyncio.eager_task_factory)
    async def body(g):
        g.create_task(eager_step('a', 1), name='a'); g.create_task(eager_step('b', 2, RangeError), name='b'); g.create_task(work('c', 10)); log('body'); await sleep(10)
    await logged('group', lambda: tg(body)); log('after '+counts())
# Below, an async function of JavaScript differs: its end is known one microtask later.
@scenario
async def generators_eager_ends():
    loop=asyncio.get_running_loop(); loop.set_task_factory(asyncio.eager_task_factory)
    t=ctask(eager_step('a', 0), 'eager'); log('made %s %s'%(str(t.done()).lower(), str(t.get_coro() is None).lower())); log('tasks %d'%len(asyncio.all_tasks()))
    await logged('a', lambda: t)
    t=ctask(eager_step('b', 0, RangeError), 'eager'); log('made %s'%str(t.done()).lower()); await logged('b', lambda: t); await sleep(0); log('end')
@scenario
async def generators_eager_group_fails_at_once():
    loop=asyncio.get_running_loop(); loop.set_task_factory(asyncio.eager_task_factory)
    async def body(g):
        g.create_task(work('a', 10)); g.create_task(eager_step('b', 0, RangeError), name='b'); log('made')
        c=work('late', 1)
        try: g.create_task(c)
        except RuntimeError: log('refused'); c.close()
        await sleep(10)
    await logged('group', lambda: tg(body)); log('after '+counts())

out={}
only=sys.argv[1:]
for n,f in S.items():
    if only and n not in only: continue
    lines.clear(); last[:]=[None,0]
    loop=VLoop(); asyncio.set_event_loop(loop)
    loop.set_exception_handler(lambda l,c: lines.append('report '+c['message']))
    try: loop.run_until_complete(f())
    finally: loop.close()
    out[n]=list(lines)
json.dump(out, sys.stdout, indent=1)
