import { fileURLToPath } from 'node:url';
import { allowed, explain, layers } from './layers.mjs';

const known = layers.flat();

/** One rule for each package, so that its message can say what this very package may import. */
const layerRules = known.map((name) => ({
  name: `layer-of-${name}`,
  severity: 'error',
  comment: explain(name),
  from: { path: `^packages/${name}/` },
  to: { path: '^packages/', pathNot: `^packages/(${[name, ...allowed(name)].join('|')})/` },
}));

export default {
  forbidden: [
    ...layerRules,
    {
      name: 'layer-unknown',
      severity: 'error',
      comment: `Every package has a row in tooling/checks/layers.mjs, which knows ${known.join(', ')}.`,
      from: {},
      to: { path: '^packages/', pathNot: `^packages/(${known.join('|')})/` },
    },
    {
      name: 'no-circle',
      severity: 'error',
      comment:
        'Modules that import each other depend on their order of loading. Move what both need into a third; types may go in circles.',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-reaching-into-a-sibling',
      severity: 'error',
      comment: 'Import a sibling by its package name, so that only its public surface is used.',
      from: { path: '^packages/([^/]+)/' },
      to: { path: '^packages/(?!$1/)', dependencyTypes: ['local'] },
    },
    {
      name: 'no-tooling-in-a-package',
      severity: 'error',
      comment: 'What is published imports only packages; helpers of tests and examples stay outside of src.',
      from: { path: '^packages/[^/]+/src/' },
      to: { path: '^(tooling|examples)/|^packages/[^/]+/test/' },
    },
    {
      name: 'no-undeclared-import',
      severity: 'error',
      comment: 'The import cannot be resolved: declare it in the dependencies of the package, then run the install.',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-dev-dependency-in-a-package',
      severity: 'error',
      comment: 'A published file imports a package that its users will not have: move it to dependencies.',
      from: { path: '^packages/[^/]+/src/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    combinedDependencies: false,
    doNotFollow: { path: ['node_modules', '/dist/'] },
    exclude: { path: ['/dist/', 'tsup\\.config\\.ts$', 'jest\\.config\\.mjs$'] },
    tsConfig: { fileName: fileURLToPath(new URL('../../tsconfig.base.json', import.meta.url)) }, // the names of the test helpers
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@tsyncio/source', 'types', 'import', 'require', 'node', 'default'],
      extensions: ['.ts', '.mjs', '.js', '.cjs', '.d.ts', '.json', '.node'],
    },
  },
};
