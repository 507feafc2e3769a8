// A test framework of one attribute, as `dotnet test` takes them in by their adapters.
// Source: "Test adapter extensibility" (RFC 0004) of the documentation of vstest.
using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;
using Microsoft.VisualStudio.TestPlatform.ObjectModel;
using Microsoft.VisualStudio.TestPlatform.ObjectModel.Adapter;
using Microsoft.VisualStudio.TestPlatform.ObjectModel.Logging;

namespace Plain
{
    public class FactAttribute : Attribute
    {
        public string Skip { get; set; }
    }

    [FileExtension(".dll")]
    [DefaultExecutorUri(Address)]
    [ExtensionUri(Address)]
    public class Adapter : ITestDiscoverer, ITestExecutor
    {
        const string Address = "executor://plain";
        const string Name = "FullyQualifiedName";

        public void DiscoverTests(IEnumerable<string> sources, IDiscoveryContext context, IMessageLogger logger, ITestCaseDiscoverySink sink)
        {
            foreach (var test in sources.SelectMany(Tests)) sink.SendTestCase(test);
        }

        public void RunTests(IEnumerable<string> sources, IRunContext context, IFrameworkHandle handle)
        {
            var filter = context.GetTestCaseFilter(new[] { Name }, name => null);
            Func<TestCase, bool> wanted = test => filter == null || filter.MatchTestCase(test, name => name == Name ? test.FullyQualifiedName : null);
            RunTests(sources.SelectMany(Tests).Where(wanted), context, handle);
        }

        public void RunTests(IEnumerable<TestCase> tests, IRunContext context, IFrameworkHandle handle)
        {
            foreach (var test in tests) handle.RecordResult(Run(test));
        }

        public void Cancel() { }

        static TestResult Run(TestCase test)
        {
            var result = new TestResult(test) { Outcome = TestOutcome.Passed };
            var at = test.FullyQualifiedName.LastIndexOf('.');
            var type = Assembly.LoadFrom(test.Source).GetType(test.FullyQualifiedName.Substring(0, at));
            var method = type.GetMethod(test.FullyQualifiedName.Substring(at + 1));
            if (method.GetCustomAttribute<FactAttribute>().Skip != null)
            {
                result.Outcome = TestOutcome.Skipped;
                return result;
            }
            try
            {
                method.Invoke(Activator.CreateInstance(type), null);
            }
            catch (TargetInvocationException error)
            {
                result.Outcome = TestOutcome.Failed;
                result.ErrorMessage = error.InnerException.Message;
            }
            return result;
        }

        static IEnumerable<TestCase> Tests(string source)
        {
            return from type in Assembly.LoadFrom(source).GetExportedTypes()
                   from method in type.GetMethods()
                   where method.GetCustomAttribute<FactAttribute>() != null
                   select new TestCase(type.FullName + "." + method.Name, new Uri(Address), source);
        }
    }
}
