// Compiles the modules of a repository and runs their tests, as Maven would, but in one process: a line with the path of a
// repository comes in, a line for each test class goes out, then `end`.
//
// A test class that does not compile fails by itself here. Maven stops the module, and so it does when only some of its
// classes are asked for: all are compiled anyway.

import java.io.BufferedReader;
import java.io.File;
import java.io.InputStreamReader;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.tools.DiagnosticCollector;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;

public class Truth {
    private static final JavaCompiler COMPILER = ToolProvider.getSystemJavaCompiler();
    private static final Pattern ARTIFACT = Pattern.compile("<artifactId>(jv\\d+)</artifactId>");

    /** A module: its folder, what it uses, and its class path, if its sources compile. */
    private static final class Module {
        final Path root;
        final List<String> uses = new ArrayList<>();
        boolean isDone;
        List<Path> classes;

        Module(Path root) {
            this.root = root;
        }
    }

    public static void main(String[] arguments) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            run(Path.of(line));
            System.out.println("end");
            System.out.flush();
        }
    }

    private static void run(Path root) throws Exception {
        Path work = Files.createTempDirectory("truth");
        try {
            Map<String, Module> modules = modules(root);
            for (String name : modules.keySet()) {
                List<Path> classes = main(modules, name, work);
                Path tests = modules.get(name).root.resolve("src/test/java");
                Path all = classes == null ? null : together(tests, classes, work);
                for (Path file : sources(tests)) {
                    String path = tests.relativize(file).toString();
                    if (path.endsWith("Test.java")) {
                        String test = path.substring(0, path.length() - 5).replace('/', '.');
                        boolean passed = classes != null && passes(modules.get(name).root, file, test, classes, work, all);
                        System.out.println(name + "\t" + test + "\t" + (passed ? "passed" : "failed"));
                    }
                }
            }
        } finally {
            try (Stream<Path> all = Files.walk(work)) {
                all.sorted(Comparator.reverseOrder()).map(Path::toFile).forEach(File::delete);
            }
        }
    }

    private static Map<String, Module> modules(Path root) throws Exception {
        Map<String, Module> found = new TreeMap<>();
        try (Stream<Path> folders = Files.list(root)) {
            for (Path folder : (Iterable<Path>) folders.filter(at -> Files.isRegularFile(at.resolve("pom.xml")))::iterator) {
                Module module = new Module(folder);
                Matcher names = ARTIFACT.matcher(Files.readString(folder.resolve("pom.xml")));
                while (names.find()) {
                    module.uses.add(names.group(1));
                }
                String name = folder.getFileName().toString();
                module.uses.remove(name);
                found.put(name, module);
            }
        }
        return found;
    }

    /** The class path of a module; null if it does not compile. */
    private static List<Path> main(Map<String, Module> modules, String name, Path work) throws Exception {
        Module module = modules.get(name);
        if (module == null || module.isDone) {
            return module == null ? null : module.classes;
        }
        module.isDone = true;
        Path out = Files.createDirectories(work.resolve(name));
        List<Path> path = new ArrayList<>(List.of(out, module.root.resolve("src/main/resources")));
        for (String used : module.uses) {
            List<Path> more = main(modules, used, work);
            if (more == null) {
                return null;
            }
            path.addAll(more);
        }
        List<Path> sources = sources(module.root.resolve("src/main/java"));
        if (sources.isEmpty() || compiles(sources, List.of("-d", out.toString(), "-cp", joined(path)))) {
            module.classes = path;
        }
        return module.classes;
    }

    /** Where all tests of a module were compiled; null if some do not. */
    private static Path together(Path tests, List<Path> classes, Path work) throws Exception {
        Path out = Files.createTempDirectory(work, "tests");
        List<Path> sources = sources(tests);
        boolean done = sources.isEmpty() || compiles(sources, List.of("-d", out.toString(), "-cp", joined(classes)));
        return done ? out : null;
    }

    private static boolean passes(Path module, Path file, String test, List<Path> classes, Path work, Path all) throws Exception {
        Path out = all == null ? alone(module, file, classes, work) : all;
        if (out == null) {
            return false;
        }
        List<URL> urls = new ArrayList<>();
        urls.add(out.toUri().toURL());
        urls.add(module.resolve("src/test/resources").toUri().toURL());
        for (Path at : classes) {
            urls.add(at.toUri().toURL());
        }
        try (URLClassLoader loader = new URLClassLoader(urls.toArray(new URL[0]), ClassLoader.getPlatformClassLoader())) {
            Class<?> type = loader.loadClass(test);
            for (Method method : type.getMethods()) {
                if (method.getName().startsWith("test")) {
                    method.invoke(type.getDeclaredConstructor().newInstance());
                }
            }
            return true;
        } catch (ReflectiveOperationException | LinkageError broken) {
            return false;
        }
    }

    /** Where one test was compiled, with what it takes in and what else can be; null if it cannot. */
    private static Path alone(Path module, Path file, List<Path> classes, Path work) throws Exception {
        Path out = Files.createTempDirectory(work, "test");
        String from = module.resolve("src/test/java").toString();
        List<String> options = List.of("-d", out.toString(), "-cp", joined(classes), "-sourcepath", from);
        for (Path other : sources(module.resolve("src/test/java"))) {
            if (!other.equals(file)) {
                compiles(List.of(other), options);
            }
        }
        return compiles(List.of(file), options) ? out : null;
    }

    private static boolean compiles(List<Path> sources, List<String> options) throws Exception {
        List<String> all = new ArrayList<>(options);
        all.addAll(List.of("-proc:none", "-nowarn"));
        DiagnosticCollector<JavaFileObject> quiet = new DiagnosticCollector<>();
        try (StandardJavaFileManager files = COMPILER.getStandardFileManager(quiet, null, null)) {
            return COMPILER.getTask(null, files, quiet, all, null, files.getJavaFileObjectsFromPaths(sources)).call();
        }
    }

    private static List<Path> sources(Path folder) throws Exception {
        if (!Files.isDirectory(folder)) {
            return List.of();
        }
        try (Stream<Path> all = Files.walk(folder)) {
            return all.filter(path -> path.toString().endsWith(".java")).sorted().toList();
        }
    }

    private static String joined(List<Path> paths) {
        return String.join(File.pathSeparator, paths.stream().map(Path::toString).toList());
    }
}
