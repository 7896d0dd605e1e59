import { Converter, ReflectionKind } from 'typedoc';

/** A doc comment that ends with "Internal." says that the name is for the packages of this repository: it is not shown. */
const INTERNAL = /\bInternal(\.|: [^.]*\.)\s*$/;

/** A plugin of typedoc. */
export function load(app) {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, (context) => {
    for (const reflection of Object.values(context.project.reflections)) {
      const comments = [reflection.comment, ...(reflection.signatures ?? []).map((signature) => signature.comment)];
      const text = comments.map((comment) => textOf(comment)).join('');
      if (!INTERNAL.test(text) || reflection.kindOf(ReflectionKind.Project | ReflectionKind.Module)) continue;
      context.project.removeReflection(reflection);
    }
  });
}

function textOf(comment) {
  if (comment === undefined) return '';
  const tags = comment.blockTags.map((tag) => tag.content);
  return [comment.summary, ...tags].flatMap((parts) => parts.map((part) => part.text)).join('');
}
