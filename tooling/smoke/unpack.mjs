import { rmSync } from 'node:fs';
import process from 'node:process';

/** After the tests. */
export default function unpack() {
  if (process.env.TSYNCIO_PACKED) rmSync(process.env.TSYNCIO_PACKED, { recursive: true, force: true });
}
