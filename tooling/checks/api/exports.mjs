// Used by check.mjs. By itself, it prints the names that a file of declarations exports:
//   node tooling/checks/api/exports.mjs packages/tsyncio/dist/index.d.ts
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/**
 * What built packages export, types included, as a user's compiler sees it.
 *
 * @param {string[]} files - of declarations, `dist/index.d.ts`; or sources, `src/index.ts`
 * @returns {Map<string, Map<string, { value: boolean, members: Set<string> }>>} by file, by name
 */
export function exportsOf(files) {
  const program = ts.createProgram(files, {
    strict: true,
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    customConditions: files.every((file) => file.endsWith('.d.ts')) ? [] : ['@tsyncio/source'],
    types: ['node'],
    lib: ['lib.es2022.d.ts', 'lib.esnext.disposable.d.ts'],
    skipLibCheck: true,
    noEmit: true,
  });
  const checker = program.getTypeChecker();
  return new Map(files.map((file) => [file, exportsOfModule(program, checker, file)]));
}

function exportsOfModule(program, checker, file) {
  const source = program.getSourceFile(file);
  const module = source && checker.getSymbolAtLocation(source);
  if (module === undefined) throw new Error(`${path.relative('.', file)} is no module; build the packages first`);
  const found = new Map();
  for (const name of checker.getExportsOfModule(module)) {
    const symbol = name.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(name) : name;
    const isType = (symbol.flags & (ts.SymbolFlags.Class | ts.SymbolFlags.Interface)) !== 0;
    const members = isType ? checker.getPropertiesOfType(checker.getDeclaredTypeOfSymbol(symbol)) : [];
    found.set(name.name, {
      value: (symbol.flags & ts.SymbolFlags.Value) !== 0,
      members: new Set(members.map((member) => member.name)),
    });
  }
  return found;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const file = path.resolve(process.argv[2]);
  for (const name of exportsOf([file]).get(file).keys()) console.log(name);
}
