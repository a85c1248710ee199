#pragma once

namespace gantry::cli {

/// Overwrites passwords in URLs, and what follows --token, in the arguments of this process: everybody on the machine can
/// read those. To be called when they have been read.
void hide_secrets(int argc, char** argv);

}  // namespace gantry::cli
