import type { Coro, Op, Program, Stmt } from './program.js';

/** Makes a program smaller as long as `fails` says that it still shows the difference. */
export async function shrink(program: Program, fails: (candidate: Program) => Promise<boolean>): Promise<Program> {
  let best = program;
  for (let improved = true; improved;) {
    improved = false;
    for (let i = 0; ; i += 1) {
      const candidate = nth(smaller(best), i);
      if (!candidate) break;
      if (await fails(candidate)) {
        best = candidate;
        improved = true;
        i -= 1; // the candidates have moved up
      }
    }
  }
  return best;
}

function nth<T>(items: Iterable<T>, index: number): T | undefined {
  let i = 0;
  for (const item of items) {
    if (i === index) return item;
    i += 1;
  }
  return undefined;
}

/** Every program with one thing less, the big steps first. */
function* smaller(program: Program): Generator<Program> {
  for (const [index, coro] of program.coros.entries()) {
    const put = (next: Coro): Program => ({
      ...program,
      coros: program.coros.map((old, i) => (i === index ? next : old)),
    });
    for (const body of smallerBlock(coro.body)) yield put({ ...coro, body });
  }
  for (const [index, callback] of program.callbacks.entries()) {
    for (const body of smallerBlock(callback)) {
      yield { ...program, callbacks: program.callbacks.map((old, i) => (i === index ? body : old)) };
    }
  }
  for (const [index, coro] of program.coros.entries()) {
    if (coro.kind !== 'gen') continue;
    yield { ...program, coros: program.coros.map((old, i) => (i === index ? { ...old, kind: 'async' } : old)) };
  }
}

function* smallerBlock(stmts: readonly Stmt[]): Generator<readonly Stmt[]> {
  if (stmts.length > 1) yield [];
  for (const [index, stmt] of stmts.entries()) {
    const put = (...next: readonly Stmt[]): Stmt[] => [...stmts.slice(0, index), ...next, ...stmts.slice(index + 1)];
    yield put();
    for (const next of smallerStatement(stmt)) yield put(...next);
  }
}

/** What may stand in place of a statement. */
function* smallerStatement(stmt: Stmt): Generator<readonly Stmt[]> {
  switch (stmt.k) {
    case 'with':
    case 'if':
      yield stmt.body;
      for (const body of smallerBlock(stmt.body)) yield [{ ...stmt, body }];
      break;
    case 'repeat':
      yield stmt.body;
      if (stmt.n > 2) yield [{ ...stmt, n: stmt.n - 1 }];
      for (const body of smallerBlock(stmt.body)) yield [{ ...stmt, body }];
      break;
    case 'try':
      yield stmt.body;
      if (stmt.fin.length > 0) yield [{ ...stmt, fin: [] }];
      for (const body of smallerBlock(stmt.body)) yield [{ ...stmt, body }];
      for (const handler of smallerBlock(stmt.handler)) yield [{ ...stmt, handler }];
      for (const fin of smallerBlock(stmt.fin)) yield [{ ...stmt, fin }];
      break;
    case 'ascompleted':
      for (const body of smallerBlock(stmt.body)) yield [{ ...stmt, body }];
      for (const members of fewer(stmt.members)) yield [{ ...stmt, members }];
      break;
    case 'gatherfut':
      for (const members of fewer(stmt.members)) yield [{ ...stmt, members }];
      break;
    case 'await':
      for (const op of smallerOp(stmt.op)) yield [{ ...stmt, op }];
      break;
    default:
  }
}

function* fewer(members: readonly Op[]): Generator<readonly Op[]> {
  for (const [index, member] of members.entries()) {
    const put = (...next: readonly Op[]): Op[] => [...members.slice(0, index), ...next, ...members.slice(index + 1)];
    if (members.length > 1) yield put();
    for (const next of smallerOp(member)) yield put(next);
  }
}

function* smallerOp(op: Op): Generator<Op> {
  switch (op.o) {
    case 'gather':
    case 'wait':
      for (const members of fewer(op.members)) yield { ...op, members };
      break;
    case 'shield':
    case 'waitfor':
      yield op.member;
      for (const member of smallerOp(op.member)) yield { ...op, member };
      break;
    default:
  }
}
