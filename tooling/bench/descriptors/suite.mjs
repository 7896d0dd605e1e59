export const title = 'Descriptors';
export const notes = '';
export const programs = ['echo-server', 'load'];
export const scenarios = () => [];
