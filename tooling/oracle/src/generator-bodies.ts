import { isCancelled } from '@tsyncio/core';
import { asCompleted, call } from '@tsyncio/futures-tasks';
import { asyncBody } from './async-bodies.js';
import type { Op, Stmt } from './program.js';
import { catches, type Env, kind, type Return, show, UserError, type World } from './world.js';

type Signal = Return | undefined;
type Steps<T> = Generator<unknown, T, unknown>;

/** A coroutine of the program as a generator. */
export function* generatorBody(world: World, env: Env, index: number, top: boolean): Steps<unknown> {
  world.enter(env, index, top);
  let signal: Signal;
  try {
    signal = yield* block(world, env, world.coro(index).body);
  } catch (error) {
    world.leaveWith(env, index, error);
    throw error;
  }
  return world.leave(env, index, signal);
}

function* block(world: World, env: Env, stmts: readonly Stmt[]): Steps<Signal> {
  for (const stmt of stmts) {
    const signal = yield* statement(world, env, stmt);
    if (signal) return signal;
  }
  return undefined;
}

function* statement(world: World, env: Env, stmt: Stmt): Steps<Signal> {
  switch (stmt.k) {
    case 'await':
      if (world.spend()) yield* waitOn(world, env, stmt, stmt.op);
      return undefined;
    case 'with':
      return yield* withBlock(world, env, stmt);
    case 'try':
      return yield* tryBlock(world, env, stmt);
    case 'repeat':
      for (let i = 0; i < stmt.n; i += 1) {
        const signal = yield* block(world, env, stmt.body);
        if (signal) return signal;
      }
      return undefined;
    case 'if':
      return world.isTrue(stmt) ? yield* block(world, env, stmt.body) : undefined;
    case 'ascompleted':
      return yield* completed(world, env, stmt);
    default:
      return world.simple(env, stmt);
  }
}

function* waitOn(world: World, env: Env, stmt: Stmt, op: Op): Steps<void> {
  let value: unknown;
  try {
    if (op.o === 'coro') {
      value =
        world.coro(op.coro).kind === 'gen'
          ? yield* generatorBody(world, env, op.coro, false)
          : yield* call(() => asyncBody(world, env, op.coro, false));
    } else if (op.o === 'yield') {
      yield;
    } else if (op.o === 'wait') {
      const started = world.startWait(env, op);
      if (!started) return world.emit(env, stmt, 'unbound');
      const [done] = yield* started.wait;
      value = started.members.map((item) => (done as Set<unknown>).has(item));
    } else {
      const target = world.awaitable(env, op);
      if (!target) return world.emit(env, stmt, 'unbound');
      value = yield* target;
    }
  } catch (error) {
    world.emit(env, stmt, `! ${kind(error)}`);
    throw error;
  }
  world.emit(env, stmt, `= ${show(value)}`);
}

function* withBlock(world: World, env: Env, stmt: Stmt & { k: 'with' }): Steps<Signal> {
  if (!world.spend()) return undefined;
  yield* waitOn(world, env, stmt, { o: 'acquire', obj: stmt.obj });
  try {
    return yield* block(world, env, stmt.body);
  } finally {
    world.emit(env, stmt, 'release');
    world.release(stmt.obj);
  }
}

function* tryBlock(world: World, env: Env, stmt: Stmt & { k: 'try' }): Steps<Signal> {
  let signal: Signal;
  let failure: { error: unknown } | null = null;
  try {
    signal = yield* block(world, env, stmt.body);
  } catch (error) {
    failure = { error };
  }
  if (failure && catches(stmt.on, failure.error)) {
    const caught = failure;
    failure = null;
    world.emit(env, stmt, `caught ${kind(caught.error)}`);
    try {
      signal = yield* block(world, env, stmt.handler);
      if (!signal && stmt.then !== 'swallow') {
        failure = stmt.then === 'reraise' ? caught : { error: new UserError(stmt.then) };
      }
    } catch (error) {
      failure = { error };
    }
  }
  const last = yield* block(world, env, stmt.fin);
  if (last) return last;
  if (failure) throw failure.error;
  return signal;
}

function* completed(world: World, env: Env, stmt: Stmt & { k: 'ascompleted' }): Steps<Signal> {
  if (!world.spend()) return undefined;
  for (const item of asCompleted(world.completing(env, stmt.members), { timeout: stmt.timeout })) {
    try {
      world.emit(env, stmt, `= ${show(yield* item)}`);
    } catch (error) {
      world.emit(env, stmt, `! ${kind(error)}`);
      if (isCancelled(error)) throw error;
    }
    const signal = yield* block(world, env, stmt.body);
    if (signal) return signal;
  }
  return undefined;
}
