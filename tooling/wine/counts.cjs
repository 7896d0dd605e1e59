// Writes down how a run of jest ended, for run.mjs: the counts, and by file the titles of what passed. (jest's own `--json` fails on errors that
// refer to themselves.)
'use strict';
const { writeFileSync } = require('node:fs');
const path = require('node:path');

const root = path.resolve(require.resolve('./left-out.cjs'), '../../..');

module.exports = class Counts {
  constructor(_config, { file }) {
    this.file = file;
  }

  onRunComplete(_contexts, results) {
    const titles = {};
    for (const { testFilePath, testResults } of results.testResults) {
      titles[path.relative(root, testFilePath).replaceAll(path.sep, '/')] = testResults
        .filter(({ status }) => status === 'passed')
        .map(({ fullName }) => fullName);
    }
    writeFileSync(
      this.file,
      JSON.stringify({
        passed: results.numPassedTests,
        failed: results.numFailedTests + results.numRuntimeErrorTestSuites,
        skipped: results.numPendingTests + results.numTodoTests,
        titles,
      }),
    );
  }
};
