/**
 * What every server of the benchmarks does: tells its port; each line on its standard input asks for its processor time; the end of the input
 * ends it, so that none outlives the run.
 *
 * @param {number} port
 */
export function serveControl(port) {
  process.stdin.on('data', () => {
    const { userCPUTime, systemCPUTime } = process.resourceUsage();
    console.log(JSON.stringify({ cpu: (userCPUTime + systemCPUTime) / 1e6 }));
  });
  process.stdin.on('end', () => process.exit());
  console.log(JSON.stringify({ port }));
}
