import ArgumentParser
import Bisect
import Counts
import Foundation
import Replay

/// What the commands that judge end with when they cannot: as `git bisect run` must read it.
enum JudgeErrors {
    /// Runs `body`; a slip of the pen becomes wrong usage, a policy that cannot be used "cannot judge". What is left is
    /// the environment's fault, which `Main` knows.
    static func mapped(_ body: () throws -> Void) throws {
        do {
            try body()
        } catch let error as UnknownPolicy {
            throw ValidationError(error.description)
        } catch let error as ToleranceRule.Malformed {
            throw ValidationError(error.description)
        } catch let error as ReplayFailure {
            FileHandle.standardError.write(Data("vpmu: \(error)\n".utf8))
            throw ExitStatus.cannotJudge.code
        } catch let error as UnknownOwners {
            FileHandle.standardError.write(Data("vpmu: \(error)\n".utf8))
            throw ExitStatus.cannotJudge.code
        } catch let error as PolicyUnusable {
            FileHandle.standardError.write(Data("vpmu: \(error)\n".utf8))
            throw ExitStatus.cannotJudge.code
        }
    }
}
