// Writes down how a run of jest ended, for run.mjs. (jest's own `--json` fails on errors that refer to themselves.)
'use strict';
const { writeFileSync } = require('node:fs');

module.exports = class Counts {
  constructor(_config, { file }) {
    this.file = file;
  }

  onRunComplete(_contexts, results) {
    writeFileSync(
      this.file,
      JSON.stringify({
        passed: results.numPassedTests,
        failed: results.numFailedTests + results.numRuntimeErrorTestSuites,
        skipped: results.numPendingTests + results.numTodoTests,
      }),
    );
  }
};
