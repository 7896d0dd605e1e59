import type { Action, Op, Program, Shared, Stmt } from './program.js';

/** A program as Python-like text. The number before a statement is the one in the trace. */
export function print(program: Program): string {
  const lines = [`# seed ${program.seed}, profile ${program.profile}, oracle CPython ${program.oracle}`];
  for (const item of program.shared) lines.push(printShared(item));
  program.coros.forEach((coro, index) => {
    lines.push(
      '',
      `${coro.kind === 'gen' ? 'gen' : 'async'} def c${index}():${index === 0 ? '  # the main task' : ''}`,
    );
    lines.push(...block(coro.body, 1));
  });
  program.callbacks.forEach((body, index) => {
    lines.push('', `def k${index}():`, ...block(body, 1));
  });
  return lines.join('\n');
}

function printShared(item: Shared): string {
  if ('value' in item) return `${item.name} = ${item.type}(${item.value})`;
  if ('maxsize' in item) return `${item.name} = ${item.type}(${item.maxsize})`;
  return `${item.name} = ${item.type}(${item.type === 'Condition' && item.lock !== null ? item.lock : ''})`;
}

function block(stmts: readonly Stmt[], depth: number): string[] {
  if (stmts.length === 0) return [`${' '.repeat(5)}${'  '.repeat(depth)}pass`];
  return stmts.flatMap((stmt) => statement(stmt, depth));
}

function statement(stmt: Stmt, depth: number): string[] {
  const head = (text: string): string => `${String(stmt.id).padStart(4)} ${'  '.repeat(depth)}${text}`;
  const bare = (text: string): string => `${' '.repeat(5)}${'  '.repeat(depth)}${text}`;
  switch (stmt.k) {
    case 'with':
      return [head(`async with ${stmt.obj}:`), ...block(stmt.body, depth + 1)];
    case 'repeat':
      return [head(`for _ in range(${stmt.n}):`), ...block(stmt.body, depth + 1)];
    case 'if':
      return [head(`if ${stmt.name} >= ${stmt.min}:`), ...block(stmt.body, depth + 1)];
    case 'ascompleted':
      return [
        head(
          `for aw in as_completed([${stmt.members.map(operation).join(', ')}], timeout=${seconds(stmt.timeout)}): await aw`,
        ),
        ...block(stmt.body, depth + 1),
      ];
    case 'try': {
      const lines = [head('try:'), ...block(stmt.body, depth + 1)];
      if (stmt.on !== null) {
        lines.push(bare(`except ${stmt.on}:`), ...block(stmt.handler, depth + 1));
        if (stmt.then === 'reraise') lines.push(bare('  raise'));
        else if (stmt.then !== 'swallow') lines.push(bare(`  raise E${stmt.then}`));
      }
      if (stmt.fin.length > 0) lines.push(bare('finally:'), ...block(stmt.fin, depth + 1));
      return lines;
    }
    default:
      return [head(simple(stmt))];
  }
}

function seconds(value: number | null): string {
  return value === null ? 'None' : String(value);
}

function simple(stmt: Action): string {
  switch (stmt.k) {
    case 'log':
      return 'log()';
    case 'cancelself':
      return 'current_task().cancel()';
    case 'raisecancel':
      return 'raise CancelledError';
    case 'whoami':
      return 'log(current_task() is me, len(all_tasks()))';
    case 'stop':
      return 'loop.stop()';
    case 'spawn':
      return `${stmt.slot} = create_task(c${stmt.coro}())`;
    case 'spawnop':
      return `${stmt.slot} = create_task(${operation(stmt.op)})`;
    case 'future':
      return `${stmt.slot} = create_future()`;
    case 'cancel':
      return `log(${stmt.slot}.cancel())`;
    case 'peek':
      return `log(${stmt.slot}.done(), ${stmt.slot}.cancelled())`;
    case 'result':
      return `log(${stmt.slot}.result())`;
    case 'set':
      return `${stmt.slot}.set_result(${stmt.value})`;
    case 'fail':
      return `${stmt.slot}.set_exception(E${stmt.code})`;
    case 'soon':
      return `${stmt.handle} = call_soon(k${stmt.cb})`;
    case 'later':
      return `${stmt.handle} = call_later(${stmt.delay}, k${stmt.cb})`;
    case 'at':
      return `${stmt.handle} = call_at(time() + ${stmt.delay}, k${stmt.cb})`;
    case 'unhandle':
      return `${stmt.handle}.cancel()`;
    case 'done':
      return `${stmt.slot}.add_done_callback(k${stmt.cb})`;
    case 'undone':
      return `log(${stmt.slot}.remove_done_callback(k${stmt.cb}))`;
    case 'release':
      return `${stmt.obj}.release()`;
    case 'setevent':
      return `${stmt.obj}.set()`;
    case 'clear':
      return `${stmt.obj}.clear()`;
    case 'notify':
      return `${stmt.obj}.notify(${stmt.n})`;
    case 'notifyall':
      return `${stmt.obj}.notify_all()`;
    case 'getnow':
      return `log(${stmt.obj}.get_nowait())`;
    case 'putnow':
      return `${stmt.obj}.put_nowait(${stmt.value})`;
    case 'taskdone':
      return `${stmt.obj}.task_done()`;
    case 'state':
      return `log(state of ${stmt.obj})`;
    case 'inc':
      return `${stmt.name} += 1`;
    case 'varset':
      return `${stmt.name}.set(${stmt.value})`;
    case 'varget':
      return `log(${stmt.name}.get(0))`;
    case 'gatherfut':
      return `${stmt.slot} = ${operation({ o: 'gather', members: stmt.members, ret: stmt.ret })}`;
    case 'shieldfut':
      return `${stmt.slot} = shield(${operation(stmt.member)})`;
    case 'raise':
      return `raise E${stmt.code}`;
    case 'return':
      return `return ${stmt.value}`;
    case 'await':
      return `log(await ${operation(stmt.op)})`;
    default:
      return stmt.k;
  }
}

function operation(op: Op): string {
  switch (op.o) {
    case 'sleep':
      return op.value === undefined ? `sleep(${op.delay})` : `sleep(${op.delay}, ${op.value})`;
    case 'yield':
      return 'sleep(0)';
    case 'slot':
      return op.slot;
    case 'self':
      return 'current_task()';
    case 'coro':
      return `c${op.coro}()`;
    case 'eventwait':
    case 'condwait':
      return `${op.obj}.wait()`;
    case 'acquire':
    case 'get':
    case 'join':
      return `${op.obj}.${op.o}()`;
    case 'put':
      return `${op.obj}.put(${op.value})`;
    case 'condwaitfor':
      return `${op.obj}.wait_for(lambda: ${op.name} >= ${op.min})`;
    case 'gather':
      return `gather(${[...op.members.map(operation), ...(op.ret ? ['return_exceptions=True'] : [])].join(', ')})`;
    case 'shield':
      return `shield(${operation(op.member)})`;
    case 'waitfor':
      return `wait_for(${operation(op.member)}, ${seconds(op.timeout)})`;
    case 'wait':
      return `wait([${op.members.map(operation).join(', ')}], timeout=${seconds(op.timeout)}, return_when=${op.mode})`;
  }
}
