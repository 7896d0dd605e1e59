// Loaded before each test file: what left-out.cjs names is skipped, visibly, with the reason behind its title.
'use strict';
const path = require('node:path');
const leftOut = require('./left-out.cjs');

/* global jest */
jest.setTimeout(30_000); // wineserver takes its time for each call
// Wine loses an event now and then. What failed at first is printed ("RETRY ERRORS").
jest.retryTimes(2, { logErrorsBeforeRetry: true });

const packages = path.resolve(require.resolve('./left-out.cjs'), '../../../packages');
const file = path.relative(packages, globalThis.expect.getState().testPath).replaceAll(path.sep, '/');
const rules = leftOut.filter(({ files }) => files.test(file));

/** The reason of the blocks that are being declared, innermost last; and the titles of all blocks. */
const around = [];
const blocks = [];
const reasonOf = (title) =>
  around.at(-1) ??
  rules.find(
    ({ titles, within }) =>
      (titles === undefined || titles.test(String(title))) &&
      (within === undefined || blocks.some((block) => within.test(block))),
  )?.reason;
const marked = (title, reason) => `${title} (left out on Windows: ${reason})`;

function wrapTest(original) {
  const declare = (target) =>
    function (title, body, timeout) {
      const reason = reasonOf(title);
      return reason === undefined ? target(title, body, timeout) : original.skip(marked(title, reason), body, timeout);
    };
  const each =
    (target) =>
    (...table) =>
    (title, body, timeout) => {
      const reason = reasonOf(title);
      return reason === undefined
        ? target(...table)(title, body, timeout)
        : original.skip.each(...table)(marked(title, reason), body, timeout);
    };
  const wrapped = Object.assign(declare(original), original, { each: each(original.each) });
  wrapped.only = Object.assign(declare(original.only), { each: each(original.only.each) });
  return wrapped;
}

function wrapDescribe(original) {
  const within =
    (title, body) =>
    (...row) => {
      const full = [title, ...row.filter((each) => typeof each === 'string')].join(' ');
      const reason = reasonOf(full);
      blocks.push(full);
      if (reason !== undefined) around.push(reason);
      try {
        return body(...row);
      } finally {
        blocks.pop();
        if (reason !== undefined) around.pop();
      }
    };
  return Object.assign((title, body) => original(title, within(title, body)), original, {
    each:
      (...table) =>
      (title, body) =>
        original.each(...table)(title, within(title, body)),
  });
}

if (rules.length > 0) {
  globalThis.test = globalThis.it = wrapTest(globalThis.test);
  globalThis.describe = wrapDescribe(globalThis.describe);
}
