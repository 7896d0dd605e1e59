// The tests that say something about Windows, run by Node for Windows under Wine.
export default {
  projects: ['core', 'futures-tasks', 'policy'].map((name) => `<rootDir>/../../packages/${name}`),
  workerIdleMemoryLimit: '2GB', // forces worker processes: a native crash fails only its own file
  maxWorkers: 2,
};
