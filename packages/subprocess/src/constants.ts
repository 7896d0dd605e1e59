/** As stdin, stdout or stderr: a pipe to the child, with a transport on our side. Python: `subprocess.PIPE`. */
export const PIPE = -1;

/** As stderr: to where stdout goes. Python: `subprocess.STDOUT`. */
export const STDOUT = -2;

/** As stdin, stdout or stderr: the null device. Python: `subprocess.DEVNULL`. */
export const DEVNULL = -3;
