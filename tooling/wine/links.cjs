// Preloaded into Node under Wine, which shows a symlink as its target: only the native realpath resolves one, and pnpm's folders are made of symlinks.
'use strict';
const fs = require('node:fs');

const { realpathSync } = fs;
const { native } = realpathSync;
fs.realpathSync = Object.assign(
  (file, options) => {
    try {
      return native(file, options);
    } catch {
      return realpathSync(file, options);
    }
  },
  { native },
);
