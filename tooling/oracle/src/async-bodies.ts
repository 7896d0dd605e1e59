import { isCancelled } from '@tsyncio/core';
import { asCompleted, drive } from '@tsyncio/futures-tasks';
import { generatorBody } from './generator-bodies.js';
import type { Op, Stmt } from './program.js';
import { catches, type Env, kind, type Return, show, UserError, type World } from './world.js';

type Signal = Return | undefined;

/** A coroutine of the program as an async function. */
export async function asyncBody(world: World, env: Env, index: number, top: boolean): Promise<unknown> {
  world.enter(env, index, top);
  let signal: Signal;
  try {
    signal = await block(world, env, world.coro(index).body);
  } catch (error) {
    world.leaveWith(env, index, error);
    throw error;
  }
  return world.leave(env, index, signal);
}

async function block(world: World, env: Env, stmts: readonly Stmt[]): Promise<Signal> {
  for (const stmt of stmts) {
    const signal = await statement(world, env, stmt);
    if (signal) return signal;
  }
  return undefined;
}

async function statement(world: World, env: Env, stmt: Stmt): Promise<Signal> {
  switch (stmt.k) {
    case 'await':
      if (world.spend()) await waitOn(world, env, stmt, stmt.op);
      return undefined;
    case 'with':
      return withBlock(world, env, stmt);
    case 'try':
      return tryBlock(world, env, stmt);
    case 'repeat':
      for (let i = 0; i < stmt.n; i += 1) {
        const signal = await block(world, env, stmt.body);
        if (signal) return signal;
      }
      return undefined;
    case 'if':
      return world.isTrue(stmt) ? block(world, env, stmt.body) : undefined;
    case 'ascompleted':
      return completed(world, env, stmt);
    default:
      return world.simple(env, stmt);
  }
}

async function waitOn(world: World, env: Env, stmt: Stmt, op: Op): Promise<void> {
  let value: unknown;
  try {
    if (op.o === 'coro') {
      value =
        world.coro(op.coro).kind === 'async'
          ? await asyncBody(world, env, op.coro, false)
          : await drive(generatorBody(world, env, op.coro, false));
    } else if (op.o === 'wait') {
      const started = world.startWait(env, op);
      if (!started) return world.emit(env, stmt, 'unbound');
      const [done] = await started.wait;
      value = started.members.map((item) => (done as Set<unknown>).has(item));
    } else {
      const target = world.awaitable(env, op);
      if (!target) return world.emit(env, stmt, 'unbound');
      value = await target;
    }
  } catch (error) {
    world.emit(env, stmt, `! ${kind(error)}`);
    throw error;
  }
  world.emit(env, stmt, `= ${show(value)}`);
}

async function withBlock(world: World, env: Env, stmt: Stmt & { k: 'with' }): Promise<Signal> {
  if (!world.spend()) return undefined;
  await waitOn(world, env, stmt, { o: 'acquire', obj: stmt.obj });
  try {
    return await block(world, env, stmt.body);
  } finally {
    world.emit(env, stmt, 'release');
    world.release(stmt.obj);
  }
}

async function tryBlock(world: World, env: Env, stmt: Stmt & { k: 'try' }): Promise<Signal> {
  let signal: Signal;
  let failure: { error: unknown } | null = null;
  try {
    signal = await block(world, env, stmt.body);
  } catch (error) {
    failure = { error };
  }
  if (failure && catches(stmt.on, failure.error)) {
    const caught = failure;
    failure = null;
    world.emit(env, stmt, `caught ${kind(caught.error)}`);
    try {
      signal = await block(world, env, stmt.handler);
      if (!signal && stmt.then !== 'swallow') {
        failure = stmt.then === 'reraise' ? caught : { error: new UserError(stmt.then) };
      }
    } catch (error) {
      failure = { error };
    }
  }
  const last = await block(world, env, stmt.fin);
  if (last) return last;
  if (failure) throw failure.error;
  return signal;
}

async function completed(world: World, env: Env, stmt: Stmt & { k: 'ascompleted' }): Promise<Signal> {
  if (!world.spend()) return undefined;
  for (const item of asCompleted(world.completing(env, stmt.members), { timeout: stmt.timeout })) {
    try {
      world.emit(env, stmt, `= ${show(await item)}`);
    } catch (error) {
      world.emit(env, stmt, `! ${kind(error)}`);
      if (isCancelled(error)) throw error;
    }
    const signal = await block(world, env, stmt.body);
    if (signal) return signal;
  }
  return undefined;
}
