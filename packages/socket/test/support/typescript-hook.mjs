// Lets a child process or a worker run the sources: `node --conditions=@tsyncio/source --import <this file> program.cjs`.
import { readFileSync } from 'node:fs';
import Module from 'node:module';
import ts from 'typescript';

const resolve = Module._resolveFilename;
Module._resolveFilename = function (request, parent, ...rest) {
  // './x.js' written in TypeScript
  if (request.startsWith('.') && request.endsWith('.js') && parent?.filename?.endsWith('.ts') === true) {
    return resolve.call(this, request.replace(/\.js$/, '.ts'), parent, ...rest);
  }
  return resolve.call(this, request, parent, ...rest);
};

Module._extensions['.ts'] = (module, filename) => {
  const compilerOptions = { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022, esModuleInterop: true };
  const { outputText } = ts.transpileModule(readFileSync(filename, 'utf8'), { compilerOptions, fileName: filename });
  module._compile(outputText, filename);
};
